import Crypto
import CryptoExtras
import WireFormat

/// A public key of an OpenPGP key ring that can verify signatures.
struct OpenPGPKey: Sendable {
    enum Material: Sendable {
        case rsa(_RSA.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
    }

    /// The 20-byte fingerprint; its last 8 bytes are the key's number.
    let fingerprint: [UInt8]
    let material: Material

    var keyNumber: [UInt8] { Array(self.fingerprint.suffix(8)) }

    /// Reads a version 4 key packet; `nil` for algorithms that are not accepted.
    init?(packet body: [UInt8]) throws(WireError) {
        var cursor = OpenPGPCursor(body)
        guard try cursor.byte() == 4 else { return nil }
        _ = try cursor.number(4)  // creation time
        let algorithm = try cursor.byte()
        switch algorithm {
        case 1, 3:
            let modulus = try cursor.integer()
            let exponent = try cursor.integer()
            guard let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent), key.keySizeInBits >= 2048 else {
                return nil
            }
            self.material = .rsa(key)
        case 19, 22:
            let identifier = try cursor.take(Int(try cursor.byte()))
            let point = try cursor.integer()
            guard let material = Self.curve(algorithm, identifier, point) else { return nil }
            self.material = material
        default: return nil
        }
        guard cursor.isAtEnd else { throw OpenPGPCursor.fault("bytes after a key") }
        let framed = [0x99, UInt8(body.count >> 8 & 0xFF), UInt8(body.count & 0xFF)] + body
        self.fingerprint = Array(Insecure.SHA1.hash(data: framed))  // the format's name for a key, not a check
    }

    private static func curve(_ algorithm: UInt8, _ identifier: [UInt8], _ point: [UInt8]) -> Material? {
        switch (algorithm, identifier) {
        case (22, [0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01]) where point.first == 0x40:
            return (try? Curve25519.Signing.PublicKey(rawRepresentation: point.dropFirst())).map { .ed25519($0) }
        case (19, [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]):
            return (try? P256.Signing.PublicKey(x963Representation: point)).map { .p256($0) }
        case (19, [0x2B, 0x81, 0x04, 0x00, 0x22]):
            return (try? P384.Signing.PublicKey(x963Representation: point)).map { .p384($0) }
        case (19, [0x2B, 0x81, 0x04, 0x00, 0x23]):
            return (try? P521.Signing.PublicKey(x963Representation: point)).map { .p521($0) }
        default: return nil
        }
    }
}

/// The keys whose OpenPGP signatures a policy accepts.
///
/// The ring is trust material that the tenant pinned byte for byte: self-signatures and expiry dates are not consulted.
/// A key that the ring itself marks as revoked is left out, and so is a subkey that is marked for other uses than signing.
public struct OpenPGPKeyRing: Sendable {
    let keys: [OpenPGPKey]

    /// The largest ring accepted, in bytes.
    static let maximumBytes = 1 << 20

    /// Parses a binary or ASCII-armoured key ring.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.maximumBytes else {
            throw OpenPGPCursor.fault("a key ring larger than \(Self.maximumBytes) bytes")
        }
        var keys: [OpenPGPKey] = []
        var current: OpenPGPKey?
        var isSubkey = false
        var primaryIsRevoked = false
        for packet in try OpenPGPPacket.split(try OpenPGPPacket.removingArmour(bytes)) {
            switch packet.tag {
            case OpenPGPPacket.Tag.publicKey, OpenPGPPacket.Tag.publicSubkey:
                if let current { keys.append(current) }
                isSubkey = packet.tag == OpenPGPPacket.Tag.publicSubkey
                if !isSubkey { primaryIsRevoked = false }
                current = primaryIsRevoked ? nil : try OpenPGPKey(packet: packet.body)
            case OpenPGPPacket.Tag.signature:
                guard let signature = try? OpenPGPSignature(packet: packet.body) else { continue }
                switch signature.type {
                case OpenPGPSignature.keyRevocation:
                    current = nil
                    if !isSubkey { primaryIsRevoked = true }
                case OpenPGPSignature.subkeyRevocation: current = nil
                default:
                    if isSubkey, signature.type == OpenPGPSignature.subkeyBinding, signature.forbidsSigning {
                        current = nil
                    }
                }
            default: continue  // names, pictures, trust marks
            }
        }
        if let current { keys.append(current) }
        guard !keys.isEmpty else {
            throw OpenPGPCursor.fault(
                "the key ring holds no usable signing key (RSA from 2048 bits, Ed25519, P-256/384/521)")
        }
        self.keys = keys
    }

    /// How many keys can sign.
    public var count: Int { self.keys.count }
}
