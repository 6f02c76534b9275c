import Crypto
import CryptoExtras
import Envelope
import WireFormat

extension JWE {
    /// One failure for every cause, so that it tells a prober nothing.
    private static let opening = EnvelopeError("the message does not open with this key")

    /// Opens a flattened message for a P-256 key.
    ///
    /// - Throws: One and the same ``EnvelopeError`` for a wrong key, a changed byte and a malformed message.
    public static func open(
        _ message: JSONValue, with key: P256.KeyAgreement.PrivateKey
    ) throws(EnvelopeError) -> SecretBytes {
        let parts = try Parts(message, algorithm: agreement)
        guard let ephemeral = parts.header["epk"], let sender = try? JSONWebKey(parsing: ephemeral),
            let point = try? sender.p256Agreement(),
            let shared = try? key.sharedSecretFromKeyAgreement(with: point)
        else { throw opening }
        return try parts.open(shared)
    }

    /// Opens a flattened message for a P-521 key.
    ///
    /// - Throws: As the form for P-256 does.
    public static func open(
        _ message: JSONValue, with key: P521.KeyAgreement.PrivateKey
    ) throws(EnvelopeError) -> SecretBytes {
        let parts = try Parts(message, algorithm: agreement)
        guard let ephemeral = parts.header["epk"], let sender = try? JSONWebKey(parsing: ephemeral),
            case .elliptic(.p521, let x, let y) = sender.material,
            let point = try? P521.KeyAgreement.PublicKey(rawRepresentation: x + y),
            let shared = try? key.sharedSecretFromKeyAgreement(with: point)
        else { throw opening }
        return try parts.open(shared)
    }

    /// Opens a flattened message for an RSA key (RSA-OAEP-256).
    ///
    /// - Throws: As the form for P-256 does.
    public static func open(
        _ message: JSONValue, with key: _RSA.Encryption.PrivateKey
    ) throws(EnvelopeError) -> SecretBytes {
        let parts = try Parts(message, algorithm: transport)
        guard let contentKey = try? key.decrypt(parts.encryptedKey, padding: .PKCS1_OAEP_SHA256), contentKey.count == 32
        else { throw opening }
        return try parts.open(SymmetricKey(data: contentKey))
    }

    /// A message taken apart; nothing in it is trusted yet.
    private struct Parts {
        let header: JSONValue
        let encryptedKey: [UInt8]
        private let authenticated: [UInt8]
        private let nonce: [UInt8]
        private let ciphertext: [UInt8]
        private let tag: [UInt8]

        init(_ message: JSONValue, algorithm: String) throws(EnvelopeError) {
            do {
                var fields = try JSONFields(message, path: "jwe")
                let protected = try fields.string("protected")
                let authenticatedToo = try fields.optionalString("aad")
                func part(_ name: String) throws(WireError) -> [UInt8] {
                    try Base64.decodeURL(try fields.string(name), field: fields.path(name))
                }
                encryptedKey = try part("encrypted_key")
                nonce = try part("iv")
                ciphertext = try part("ciphertext")
                tag = try part("tag")
                try fields.finish()
                header = try JSONValue.parse(try Base64.decodeURL(protected, field: "jwe.protected"))
                authenticated = Array((authenticatedToo.map { "\(protected).\($0)" } ?? protected).utf8)
            } catch {
                throw JWE.opening
            }
            guard header["alg"]?.stringValue == algorithm, header["enc"]?.stringValue == JWE.contentEncryption,
                header["crit"] == nil, header["zip"] == nil, nonce.count == 12, tag.count == 16
            else { throw JWE.opening }
        }

        /// Opens with the result of the key agreement.
        func open(_ shared: SharedSecret) throws(EnvelopeError) -> SecretBytes {
            let (partyU, partyV) = (try party("apu"), try party("apv"))
            let wrapping = ConcatKDF.derive(
                sharedSecret: shared, algorithm: JWE.agreement, partyU: partyU, partyV: partyV, keyBits: 256)
            return try open(try AESKeyWrap.unwrap(encryptedKey, under: wrapping))
        }

        func open(_ contentKey: SymmetricKey) throws(EnvelopeError) -> SecretBytes {
            guard contentKey.bitCount == 256, let nonce = try? AES.GCM.Nonce(data: nonce),
                let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: ciphertext, tag: tag),
                let plain = try? AES.GCM.open(box, using: contentKey, authenticating: authenticated)
            else { throw JWE.opening }
            return plain.withUnsafeBytes { SecretBytes(copying: $0) }
        }

        private func party(_ name: String) throws(EnvelopeError) -> [UInt8] {
            guard let value = header[name] else { return [] }
            guard let text = value.stringValue, let bytes = try? Base64.decodeURL(text, field: name) else {
                throw JWE.opening
            }
            return bytes
        }
    }
}
