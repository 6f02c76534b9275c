import Envelope
import WireFormat

/// The envelope of a pod manifest: the CoCo init-data document whose exact bytes are measured at launch (rule R8).
///
/// The TOML around the manifest is one fixed template, so that each manifest has exactly one document.
public struct InitData: Equatable, Sendable {
    /// The longest document that is read.
    public static let maximumBytes = 1 << 20
    /// The longest document that is made for a confidential pod. Its guest's token says all of it in base64url, and comes back to the
    /// key broker in the head of a request, which has 128 KiB at most; a quarter is left for what evidence says.
    public static let madeLimit = 80 << 10

    private static let head = Array(
        "version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n\"testudo.json\" = \"".utf8)
    private static let tail = Array("\"\n".utf8)

    /// The pod.
    public let manifest: PodManifest
    /// The exact document.
    public let bytes: [UInt8]

    /// The digest that HOST_DATA and the tenant's registration hold.
    public var digest: SHA256Digest { SHA256Digest(hashing: self.bytes) }

    /// The document as text, for the `init-data` member of the key broker protocol.
    public var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// Wraps a manifest after checking it.
    ///
    /// - Throws: Also for a confidential pod whose guest could never ask for its keys (``madeLimit``).
    public init(manifest: PodManifest) throws(WireError) {
        try self.init(wrapping: manifest)
        guard !manifest.isConfidential || bytes.count <= Self.madeLimit else {
            throw WireError(
                field: "manifest",
                reason: """
                    makes an init-data document of \(bytes.count) bytes; the key broker takes tokens of guests with at most \
                    \(Self.madeLimit). Put large values and arguments into the image, or into the key broker as secrets (secretKeyRef)
                    """)
        }
    }

    private init(wrapping manifest: PodManifest) throws(WireError) {
        try manifest.validate()
        let bytes = Self.head + Self.escape(manifest.json.canonicalBytes) + Self.tail
        guard bytes.count <= Self.maximumBytes else {
            throw WireError(field: "manifest", reason: "is larger than \(Self.maximumBytes) bytes")
        }
        self.manifest = manifest
        self.bytes = bytes
    }

    /// Wraps a manifest after checking it.
    public init(_ manifest: PodManifest) throws(WireError) { try self.init(manifest: manifest) }

    /// Reads a document. It must be, to the byte, what ``init(manifest:)`` makes of its manifest.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.maximumBytes, bytes.count >= Self.head.count + Self.tail.count,
            bytes.starts(with: Self.head), bytes.suffix(Self.tail.count).elementsEqual(Self.tail)
        else { throw WireError(field: "init-data", reason: "is not the fixed template around a manifest") }
        let body = try Self.unescape(bytes[Self.head.count..<bytes.count - Self.tail.count])
        try self.init(wrapping: try PodManifest(parsing: try JSONValue.parse(body)))
        guard self.bytes == bytes else {
            throw WireError(field: "init-data", reason: "is not in canonical form")
        }
    }

    /// The inside of a TOML basic string.
    private static func escape(_ text: [UInt8]) -> [UInt8] {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(text.count + text.count / 8)
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): escaped += [UInt8(ascii: "\\"), byte]
            case 0..<0x20, 0x7F: escaped += Array("\\u00\(Hex.encode([byte]))".utf8)
            default: escaped.append(byte)
            }
        }
        return escaped
    }

    private static func unescape(_ text: ArraySlice<UInt8>) throws(WireError) -> [UInt8] {
        var plain: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                plain.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\""): plain.append(UInt8(ascii: "\""))
            case UInt8(ascii: "\\"): plain.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "u"):
                let code = try Hex.decode(String(decoding: rest.prefix(4), as: UTF8.self), field: "init-data escape")
                guard code.count == 2, code[0] == 0 else {
                    throw WireError(field: "init-data", reason: "has an escape that the template does not use")
                }
                plain.append(code[1])
                rest = rest.dropFirst(4)
            default: throw WireError(field: "init-data", reason: "has an escape that the template does not use")
            }
        }
        return plain
    }
}
