import Rego
import SwiftASN1

/// What is not a certificate, a request or a key as the standards have them.
struct Malformed: Error {}

/// One element of a DER document.
struct DERNode {
    let node: ASN1Node

    init(_ bytes: some Collection<UInt8>) throws(Malformed) {
        guard let node = try? DER.parse(Array(bytes)) else { throw Malformed() }
        self.node = node
    }

    private init(node: ASN1Node) { self.node = node }

    /// The whole element.
    var encoded: [UInt8] { Array(node.encodedBytes) }

    /// The elements inside.
    func children() throws(Malformed) -> [DERNode] {
        guard case .constructed(let nodes) = node.content else { throw Malformed() }
        return nodes.map { DERNode(node: $0) }
    }

    /// The elements of a sequence.
    func sequence() throws(Malformed) -> [DERNode] {
        guard node.identifier == .sequence else { throw Malformed() }
        return try children()
    }

    /// The bytes of an element without elements inside.
    func primitive() throws(Malformed) -> [UInt8] {
        guard case .primitive(let bytes) = node.content else { throw Malformed() }
        return Array(bytes)
    }

    /// The number of a context-specific tag; nil for other tags.
    var context: UInt? { node.identifier.tagClass == .contextSpecific ? node.identifier.tagNumber : nil }

    func octets() throws(Malformed) -> [UInt8] {
        guard node.identifier == .octetString else { throw Malformed() }
        return try primitive()
    }

    /// The bytes of a bit string, and how many bits of the last are unused.
    func bits() throws(Malformed) -> (bytes: [UInt8], unused: Int) {
        guard node.identifier == .bitString else { throw Malformed() }
        let bytes = try primitive()
        guard let unused = bytes.first, unused < 8 else { throw Malformed() }
        return (Array(bytes.dropFirst()), Int(unused))
    }

    func bool() throws(Malformed) -> Bool {
        guard node.identifier == .boolean, let byte = try primitive().first else { throw Malformed() }
        return byte != 0
    }

    /// The bytes of a whole number, of bounded length.
    func integer() throws(Malformed) -> [UInt8] {
        guard node.identifier == .integer else { throw Malformed() }
        let bytes = try primitive()
        guard !bytes.isEmpty, bytes.count <= 2_049 else { throw Malformed() }
        return bytes
    }

    /// A small whole number.
    func int() throws(Malformed) -> Int {
        let bytes = try integer()
        guard bytes.count <= 8 else { throw Malformed() }
        return bytes.reduce(bytes[0] >= 0x80 ? -1 : 0) { $0 << 8 | Int($1) }
    }

    /// The parts of an object identifier.
    func identifier() throws(Malformed) -> [Int] {
        guard node.identifier == .objectIdentifier else { throw Malformed() }
        var parts: [Int] = []
        var part = 0
        for byte in try primitive() {
            guard part < 1 << 48 else { throw Malformed() }
            part = part << 7 | Int(byte & 0x7f)
            if byte & 0x80 == 0 {
                if parts.isEmpty {
                    parts = part < 80 ? [part / 40, part % 40] : [2, part - 80]
                } else {
                    parts.append(part)
                }
                part = 0
            }
        }
        return parts
    }

    /// A text of any kind of string; nil for what is no text.
    func text() throws(Malformed) -> String? {
        switch node.identifier {
        case .utf8String, .printableString, .ia5String, .numericString, .visibleString, .teletexString:
            return String(decoding: try primitive(), as: UTF8.self)
        case .bmpString:
            let bytes = try primitive()
            guard bytes.count.isMultiple(of: 2) else { throw Malformed() }
            let units = stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
            return String(decoding: units, as: UTF16.self)
        default: return nil
        }
    }
}

extension Number {
    /// A whole number in big-endian bytes, without sign.
    init(unsigned bytes: some Sequence<UInt8>) {
        let base = BigInteger(256)
        self.init(bytes.reduce(BigInteger(0)) { $0 * base + BigInteger(Int($1)) })
    }

    /// A whole number in big-endian bytes, in two's complement.
    init(signed bytes: [UInt8]) {
        guard let first = bytes.first, first >= 0x80 else {
            self.init(unsigned: bytes)
            return
        }
        let base = BigInteger(256)
        let complement = bytes.reduce(BigInteger(0)) { $0 * base + BigInteger(Int(~$1)) }
        self.init((complement + BigInteger(1)).negated)
    }
}
