import Crypto
import CryptoExtras
import WireFormat

/// JSON Web Encryption in the one shape that the key broker protocol uses: flattened, A256GCM, one recipient.
///
/// Opening is not here but in `Unsealing`, which the host may not link.
public enum JWE {
    /// The only content encryption.
    public static let contentEncryption = "A256GCM"
    /// The key management for elliptic-curve recipients.
    public static let agreement = "ECDH-ES+A256KW"
    /// The key management for RSA recipients.
    public static let transport = "RSA-OAEP-256"

    /// Encrypts `plaintext` for the holder of `recipient`.
    ///
    /// The protected header is compact JSON with the members in the order alg, enc, epk{crv, kty, x, y}: clients rebuild
    /// the authenticated bytes by writing the header again in that order.
    public static func encrypt(
        _ plaintext: [UInt8], to recipient: JSONWebKey
    ) throws(EnvelopeError) -> JSONValue {
        let contentKey = SymmetricKey(size: .bits256)
        let (header, encryptedKey) = try wrap(contentKey, for: recipient)
        let protected = Base64.encodeURL(header.utf8)
        do {
            let box = try AES.GCM.seal(plaintext, using: contentKey, authenticating: Array(protected.utf8))
            return [
                "protected": .string(protected), "encrypted_key": .string(Base64.encodeURL(encryptedKey)),
                "iv": .string(Base64.encodeURL(Array(box.nonce))),
                "ciphertext": .string(Base64.encodeURL(Array(box.ciphertext))),
                "tag": .string(Base64.encodeURL(Array(box.tag))),
            ]
        } catch {
            throw EnvelopeError("cannot encrypt the content")
        }
    }

    private static func wrap(
        _ contentKey: SymmetricKey, for recipient: JSONWebKey
    ) throws(EnvelopeError) -> (header: String, encryptedKey: [UInt8]) {
        guard recipient.algorithm.map({ $0 == agreement || $0 == transport }) ?? true else {
            throw EnvelopeError("keys of the algorithm \(recipient.algorithm ?? "") are not supported")
        }
        switch recipient.material {
        case .elliptic(let curve, let x, let y):
            guard recipient.algorithm ?? agreement == agreement else { throw EnvelopeError("alg does not fit the key") }
            let (point, wrapping) = try agree(curve, x + y)
            let half = curve.coordinateBytes
            let ephemeral = JSONWebKeyText(curve: curve, x: Array(point[..<half]), y: Array(point[half...]))
            let header = #"{"alg":"\#(agreement)","enc":"\#(contentEncryption)","epk":\#(ephemeral.text)}"#
            return (header, try AESKeyWrap.wrap(contentKey, under: wrapping))
        case .rsa(let modulus, let exponent):
            guard recipient.algorithm ?? transport == transport else { throw EnvelopeError("alg does not fit the key") }
            do {
                let key = try _RSA.Encryption.PublicKey(n: modulus, e: exponent)
                let bytes = contentKey.withUnsafeBytes { Array($0) }
                let encrypted = Array(try key.encrypt(bytes, padding: .PKCS1_OAEP_SHA256))
                return (#"{"alg":"\#(transport)","enc":"\#(contentEncryption)"}"#, encrypted)
            } catch {
                throw EnvelopeError("cannot encrypt the content key")
            }
        }
    }

    private static func agree(
        _ curve: JSONWebKey.Curve, _ point: [UInt8]
    ) throws(EnvelopeError) -> (ephemeral: [UInt8], wrapping: SymmetricKey) {
        do {
            let shared: SharedSecret
            let ephemeral: [UInt8]
            switch curve {
            case .p256:
                let key = P256.KeyAgreement.PrivateKey()
                shared = try key.sharedSecretFromKeyAgreement(with: .init(rawRepresentation: point))
                ephemeral = Array(key.publicKey.rawRepresentation)
            case .p521:
                let key = P521.KeyAgreement.PrivateKey()
                shared = try key.sharedSecretFromKeyAgreement(with: .init(rawRepresentation: point))
                ephemeral = Array(key.publicKey.rawRepresentation)
            }
            return (ephemeral, ConcatKDF.derive(sharedSecret: shared, algorithm: agreement, keyBits: 256))
        } catch {
            throw EnvelopeError("cannot agree on a key")
        }
    }
}

/// An elliptic-curve key written in the member order that clients of the protocol write.
private struct JSONWebKeyText {
    let curve: JSONWebKey.Curve
    let x: [UInt8]
    let y: [UInt8]

    var text: String {
        #"{"crv":"\#(curve.rawValue)","kty":"EC","x":"\#(Base64.encodeURL(x))","y":"\#(Base64.encodeURL(y))"}"#
    }
}
