import Crypto
import CryptoExtras

/// How a certificate or a request is signed.
struct CertificateSignature {
    /// Go's number of the algorithm; zero when it is unknown.
    let number: Int
    /// The algorithm; nil for what is unknown or no longer safe.
    let algorithm: SignatureAlgorithm?
    let bytes: [UInt8]

    init(_ algorithm: DERNode, _ signature: DERNode) throws(Malformed) {
        bytes = try signature.bits().bytes
        let parts = try algorithm.sequence()
        guard let type = parts.first else { throw Malformed() }
        switch try type.identifier() {
        case [1, 2, 840, 113549, 1, 1, 4]: (number, self.algorithm) = (2, nil)
        case [1, 2, 840, 113549, 1, 1, 5]: (number, self.algorithm) = (3, nil)
        case [1, 2, 840, 113549, 1, 1, 11]: (number, self.algorithm) = (4, .rs256)
        case [1, 2, 840, 113549, 1, 1, 12]: (number, self.algorithm) = (5, .rs384)
        case [1, 2, 840, 113549, 1, 1, 13]: (number, self.algorithm) = (6, .rs512)
        case [1, 2, 840, 10045, 4, 1]: (number, self.algorithm) = (9, nil)
        case [1, 2, 840, 10045, 4, 3, 2]: (number, self.algorithm) = (10, .es256)
        case [1, 2, 840, 10045, 4, 3, 3]: (number, self.algorithm) = (11, .es384)
        case [1, 2, 840, 10045, 4, 3, 4]: (number, self.algorithm) = (12, .es512)
        case [1, 2, 840, 113549, 1, 1, 10]:
            // The digest is the first tagged parameter.
            let parameters = try parts.dropFirst().first?.sequence().first { $0.context == 0 }
            let digest = try parameters?.children().first?.sequence().first?.identifier()
            switch digest?.last {
            case 1: (number, self.algorithm) = (13, .ps256)
            case 2: (number, self.algorithm) = (14, .ps384)
            case 3: (number, self.algorithm) = (15, .ps512)
            default: (number, self.algorithm) = (0, nil)
            }
        case [1, 3, 101, 112]: (number, self.algorithm) = (16, .edDSA)
        default: (number, self.algorithm) = (0, nil)
        }
    }

    /// Whether it is a key's signature of bytes.
    func isValid(for signed: [UInt8], by key: SubjectPublicKey) -> Bool {
        guard let algorithm else { return false }
        guard algorithm.isECDSA else {
            return VerificationKey(material: key.material).verifies(bytes, of: signed, by: algorithm)
        }
        let digest = algorithm.digest(signed)
        switch key.material {
        case .p256(let key):
            guard let signature = try? P256.Signing.ECDSASignature(derRepresentation: bytes) else { return false }
            return key.isValidSignature(signature, for: digest)
        case .p384(let key):
            guard let signature = try? P384.Signing.ECDSASignature(derRepresentation: bytes) else { return false }
            return key.isValidSignature(signature, for: digest)
        case .p521(let key):
            guard let signature = try? P521.Signing.ECDSASignature(derRepresentation: bytes) else { return false }
            return key.isValidSignature(signature, for: digest)
        default: return false
        }
    }
}
