import Crypto
import WireFormat

extension TokenSigningKey {
    /// Reads a private key in PEM; the curve decides the algorithm.
    public init(pem: String) throws(WireError) {
        if let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) {
            self.init(key)
        } else if let key = try? P384.Signing.PrivateKey(pemRepresentation: pem) {
            self.init(key)
        } else {
            throw WireError(field: "signing key", reason: "is no private key on P-256 or P-384 in PEM")
        }
    }

    /// The private key in PEM: a secret.
    public var pem: String {
        switch key {
        case .p256(let key): key.pemRepresentation
        case .p384(let key): key.pemRepresentation
        }
    }

    /// The certificates of a PEM file, in DER and in its order.
    public static func certificates(pem: [UInt8]) throws(WireError) -> [[UInt8]] {
        let blocks = try PEMBlocks(pem, "signing chain")
        var certificates: [[UInt8]] = []
        for index in blocks.bodies.indices { certificates.append(try blocks.der(index)) }
        return certificates
    }
}
