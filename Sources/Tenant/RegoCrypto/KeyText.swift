import Crypto
import CryptoExtras
import Rego

extension VerificationKey {
    /// The keys in a text: a certificate or a public key in armour, or a JSON Web Key or a set of them.
    static func parse(_ text: String) throws(Builtin.Failure) -> [VerificationKey] {
        let bytes = Array(text.utf8)
        if let (block, rest) = PEM.first(in: bytes[...]) {
            if !rest.isEmpty { throw .builtin("extra data after a PEM certificate block") }
            switch block.type {
            case "CERTIFICATE":
                guard let certificate = try? Certificate(block.bytes) else {
                    throw .builtin("failed to parse a PEM certificate: x509: malformed certificate")
                }
                return [VerificationKey(material: certificate.publicKey.material)]
            case "PUBLIC KEY":
                guard let key = try? SubjectPublicKey(der: block.bytes) else {
                    throw .builtin("failed to parse a PEM public key: x509: malformed public key")
                }
                return [VerificationKey(material: key.material)]
            default: throw .builtin("failed to extract a Key from the PEM certificate")
            }
        }
        var keys: [VerificationKey] = []
        do throws(JSONWebKey.Problem) {
            for key in try JSONWebKey.set(bytes) {
                if !key.algorithm.isEmpty, SignatureAlgorithm(rawValue: key.algorithm) == nil { continue }
                keys.append(
                    VerificationKey(
                        material: try key.verification(), algorithm: key.algorithm, identifier: key.identifier))
            }
        } catch {
            throw .builtin("failed to parse a JWK key (set): \(error.message)")
        }
        return keys
    }
}
