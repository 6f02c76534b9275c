import Crypto
import CryptoExtras
import WireFormat

/// A version 4 signature packet (RFC 4880, section 5.2.3).
struct OpenPGPSignature {
    static let binaryDocument: UInt8 = 0x00
    static let subkeyBinding: UInt8 = 0x18
    static let keyRevocation: UInt8 = 0x20
    static let subkeyRevocation: UInt8 = 0x28

    let type: UInt8
    let keyAlgorithm: UInt8
    let hashAlgorithm: UInt8
    /// The key number the signature names, if it does. It is a hint: only the mathematics decides.
    private(set) var issuer: [UInt8]?
    private(set) var forbidsSigning = false
    private(set) var expires = false
    private let hashedPart: [UInt8]
    private let hashPrefix: [UInt8]
    private let integers: [[UInt8]]

    init(packet body: [UInt8]) throws(WireError) {
        var cursor = OpenPGPCursor(body)
        guard try cursor.byte() == 4 else { throw OpenPGPCursor.fault("a signature that is not version 4") }
        self.type = try cursor.byte()
        self.keyAlgorithm = try cursor.byte()
        self.hashAlgorithm = try cursor.byte()
        let hashed = try cursor.take(try cursor.number(2))
        self.hashedPart = Array(body[..<cursor.offset])
        let unhashed = try cursor.take(try cursor.number(2))
        self.hashPrefix = try cursor.take(2)
        var integers: [[UInt8]] = []
        while !cursor.isAtEnd, integers.count < 4 { integers.append(try cursor.integer()) }
        guard cursor.isAtEnd else { throw OpenPGPCursor.fault("bytes after a signature") }
        self.integers = integers
        try self.read(subpackets: hashed, trusted: true)
        try self.read(subpackets: unhashed, trusted: false)
    }

    private mutating func read(subpackets: [UInt8], trusted: Bool) throws(WireError) {
        var cursor = OpenPGPCursor(subpackets)
        while !cursor.isAtEnd {
            let first = Int(try cursor.byte())
            let length: Int
            switch first {
            case 0..<192: length = first
            case 192..<255: length = (first - 192) << 8 + Int(try cursor.byte()) + 192
            default: length = try cursor.number(4)
            }
            let content = try cursor.take(length)
            guard let kind = content.first else { throw OpenPGPCursor.fault("an empty subpacket") }
            switch kind & 0x7F {
            case 3: self.expires = self.expires || content.dropFirst().contains { $0 != 0 }
            case 16: self.issuer = self.issuer ?? Array(content.dropFirst())
            case 33: if trusted { self.issuer = Array(content.suffix(8)) }
            case 27: if trusted, content.count > 1 { self.forbidsSigning = content[1] & 0x02 == 0 }
            case 2, 9, 11, 20...26, 28, 30, 32, 34, 35: continue
            default:
                guard !trusted || kind & 0x80 == 0 else {
                    throw OpenPGPCursor.fault("a critical subpacket \(kind & 0x7F) is not understood")
                }
            }
        }
    }

    /// Whether this is a signature of a key over a binary document. SHA-1 and MD5 signatures never are.
    func isValid(for document: [UInt8], key: OpenPGPKey) throws(WireError) -> Bool {
        let count = UInt32(self.hashedPart.count)
        let trailer = [
            4, 0xFF, UInt8(count >> 24), UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF),
        ]
        let message = document + self.hashedPart + trailer
        switch self.hashAlgorithm {
        case 8: return self.isValid(digest: SHA256.hash(data: message), key)
        case 9: return self.isValid(digest: SHA384.hash(data: message), key)
        case 10: return self.isValid(digest: SHA512.hash(data: message), key)
        case 1, 2, 3: throw OpenPGPCursor.fault("the signature's hash is SHA-1 or older, which can be forged")
        default: throw OpenPGPCursor.fault("the signature's hash \(self.hashAlgorithm) is not supported")
        }
    }

    private func isValid(digest: some Digest, _ key: OpenPGPKey) -> Bool {
        guard Array(digest).starts(with: self.hashPrefix) else { return false }
        switch key.material {
        case .rsa(let key):
            guard self.keyAlgorithm == 1 || self.keyAlgorithm == 3, self.integers.count == 1 else { return false }
            let width = (key.keySizeInBits + 7) / 8
            guard let value = Self.widened(self.integers[0], to: width) else { return false }
            return key.isValidSignature(.init(rawRepresentation: value), for: digest, padding: .insecurePKCS1v1_5)
        case .ed25519(let key):
            guard self.keyAlgorithm == 22, let pair = self.pair(32) else { return false }
            return key.isValidSignature(pair, for: Array(digest))
        case .p256(let key):
            guard self.keyAlgorithm == 19, let pair = self.pair(32),
                let signature = try? P256.Signing.ECDSASignature(rawRepresentation: pair)
            else { return false }
            return key.isValidSignature(signature, for: digest)
        case .p384(let key):
            guard self.keyAlgorithm == 19, let pair = self.pair(48),
                let signature = try? P384.Signing.ECDSASignature(rawRepresentation: pair)
            else { return false }
            return key.isValidSignature(signature, for: digest)
        case .p521(let key):
            guard self.keyAlgorithm == 19, let pair = self.pair(66),
                let signature = try? P521.Signing.ECDSASignature(rawRepresentation: pair)
            else { return false }
            return key.isValidSignature(signature, for: digest)
        }
    }

    private func pair(_ width: Int) -> [UInt8]? {
        guard self.integers.count == 2, let first = Self.widened(self.integers[0], to: width),
            let second = Self.widened(self.integers[1], to: width)
        else { return nil }
        return first + second
    }

    private static func widened(_ integer: [UInt8], to width: Int) -> [UInt8]? {
        guard integer.count <= width else { return nil }
        return [UInt8](repeating: 0, count: width - integer.count) + integer
    }
}

/// A signed OpenPGP message: one-pass signature, literal data, signature, as `gpg --sign` writes it.
struct OpenPGPSignedMessage {
    let document: [UInt8]
    let signature: OpenPGPSignature

    /// Simple-signing payloads are far below this.
    static let maximumBytes = 256 << 10

    init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.maximumBytes else {
            throw OpenPGPCursor.fault("a message larger than \(Self.maximumBytes) bytes")
        }
        var packets = try OpenPGPPacket.split(try OpenPGPPacket.removingArmour(bytes))
        if packets.count == 1, packets[0].tag == OpenPGPPacket.Tag.compressed {
            packets = try OpenPGPPacket.split(try Self.decompress(packets[0].body))
        }
        let tags = packets.map(\.tag)
        guard tags == [OpenPGPPacket.Tag.onePassSignature, OpenPGPPacket.Tag.literal, OpenPGPPacket.Tag.signature]
        else {
            throw OpenPGPCursor.fault("not one signed message (packets \(tags))")
        }
        let signature = try OpenPGPSignature(packet: packets[2].body)
        var onePass = OpenPGPCursor(packets[0].body)
        let announced = try onePass.take(4)
        guard announced == [3, signature.type, signature.hashAlgorithm, signature.keyAlgorithm] else {
            throw OpenPGPCursor.fault("the signature is not the announced one")
        }
        guard signature.type == OpenPGPSignature.binaryDocument else {
            throw OpenPGPCursor.fault("not a signature of a document")
        }
        guard !signature.expires else {
            throw OpenPGPCursor.fault("a signature with an end date cannot be judged without a clock")
        }
        self.signature = signature
        var literal = OpenPGPCursor(packets[1].body)
        guard try literal.byte() == UInt8(ascii: "b") else {
            throw OpenPGPCursor.fault("the signed data is not binary")
        }
        _ = try literal.take(Int(try literal.byte()))
        _ = try literal.take(4)
        self.document = literal.rest()
    }

    private static func decompress(_ body: [UInt8]) throws(WireError) -> [UInt8] {
        switch body.first {
        case 0: return Array(body.dropFirst())
        case 1: return try Inflate.decode(Array(body.dropFirst()), limit: Self.maximumBytes)
        case 2: return try Inflate.decode(Array(body.dropFirst(3)), limit: Self.maximumBytes)
        default: throw OpenPGPCursor.fault("compressed with a method that is not supported")
        }
    }
}
