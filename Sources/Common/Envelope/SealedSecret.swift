import Crypto
import WireFormat

/// A sealed secret as Confidential Containers' guests read them: text that may lie with those who must not know the secret.
///
/// It is `sealed.` and a JSON Web Signature (ES256) over what tells a guest how to come by the secret: the name of a resource
/// (`vault`), or the secret itself under a key that a key management unwraps (`envelope`).
public struct SealedSecret: Equatable, Sendable {
    /// How a guest comes by the secret.
    public enum Content: Equatable, Sendable {
        /// It fetches a resource of this name, by custom `kbs:///repository/type/tag`.
        case vault(name: String)
        /// It has the key unwrapped and opens the secret itself.
        case envelope(SealedEnvelope)
    }

    /// How a guest comes by the secret.
    public let content: Content
    /// Who keeps resource or key: `kbs` here, other names for services of cloud providers.
    public let provider: String
    /// What the provider wants to know for the connection.
    public let providerSettings: JSONValue
    /// What the provider wants to know of the secret.
    public let annotations: JSONValue

    /// The longest sealed secret that is read, in bytes.
    public static let limit = 256 << 10
    /// What each begins with.
    public static let prefix = "sealed."
    private static let version = "0.1.0"

    /// Describes a sealed secret.
    public init(
        _ content: Content, provider: String = "kbs", providerSettings: JSONValue = .object([:]),
        annotations: JSONValue = .object([:])
    ) {
        self.content = content
        self.provider = provider
        self.providerSettings = providerSettings
        self.annotations = annotations
    }

    /// Reads the signed JSON. Members that nobody knows are ignored, as the guests of others do.
    public init(payload: JSONValue) throws(WireError) {
        var fields = try JSONFields(payload, path: "sealed")
        guard try fields.string("version") == Self.version else {
            throw fields.refusal("version", "must be \(Self.version)")
        }
        switch try fields.string("type") {
        case "vault": content = .vault(name: try fields.string("name"))
        case "envelope":
            content = .envelope(
                SealedEnvelope(
                    keyID: try fields.string("key_id"), encryptedKey: try fields.string("encrypted_key"),
                    encryptedData: try fields.string("encrypted_data"), wrapType: try fields.string("wrap_type"),
                    iv: try fields.string("iv")))
        default: throw fields.refusal("type", "must be vault or envelope")
        }
        provider = try fields.string("provider")
        providerSettings = fields.optionalValue("provider_settings") ?? .object([:])
        annotations = fields.optionalValue("annotations") ?? .object([:])
        guard providerSettings.objectValue != nil, annotations.objectValue != nil else {
            throw fields.refusal("provider_settings", "and annotations must be objects")
        }
    }

    /// The JSON that is signed.
    public var payload: JSONValue {
        var members: [String: JSONValue] = [
            "version": .string(Self.version), "provider": .string(provider), "provider_settings": providerSettings,
            "annotations": annotations,
        ]
        switch content {
        case .vault(let name):
            members["type"] = "vault"
            members["name"] = .string(name)
        case .envelope(let envelope):
            members["type"] = "envelope"
            members["key_id"] = .string(envelope.keyID)
            members["encrypted_key"] = .string(envelope.encryptedKey)
            members["encrypted_data"] = .string(envelope.encryptedData)
            members["wrap_type"] = .string(envelope.wrapType)
            members["iv"] = .string(envelope.iv)
        }
        return .object(members)
    }

    /// Signs the secret.
    ///
    /// - Parameters:
    ///   - key: The tenant's signing key.
    ///   - keyID: Where guests find its public half: `kbs:///repository/type/tag`, or a file's name in the guest.
    public func signed(by key: P256.Signing.PrivateKey, keyID: String) throws(EnvelopeError) -> String {
        let header = JSONValue.object(["alg": "ES256", "kid": .string(keyID)])
        let signed = Base64.encodeURL(header.canonicalBytes) + "." + Base64.encodeURL(payload.canonicalBytes)
        guard let signature = try? key.signature(for: Array(signed.utf8)) else { throw EnvelopeError("cannot sign") }
        return "\(Self.prefix)\(signed).\(Base64.encodeURL(Array(signature.rawRepresentation)))"
    }
}

/// The secret under a fresh key, and that key wrapped by a key management. Values are base64, as they are written.
public struct SealedEnvelope: Equatable, Sendable {
    /// The key that unwraps: `kbs+kms:///namespace/name` for a Testudo broker.
    public let keyID: String
    /// The fresh key, wrapped.
    public let encryptedKey: String
    /// Ciphertext and tag.
    public let encryptedData: String
    /// `A256GCM`, the only form that is opened: `A256CTR`, which others know, authenticates nothing.
    public let wrapType: String
    /// The nonce of 12 bytes.
    public let iv: String

    /// Describes an envelope.
    public init(keyID: String, encryptedKey: String, encryptedData: String, wrapType: String, iv: String) {
        self.keyID = keyID
        self.encryptedKey = encryptedKey
        self.encryptedData = encryptedData
        self.wrapType = wrapType
        self.iv = iv
    }

    /// Seals a secret under a fresh key.
    ///
    /// - Parameters:
    ///   - secret: The secret.
    ///   - keyID: The key that will unwrap.
    ///   - wrap: Wraps the fresh key with it.
    public static func seal(
        _ secret: SecretBytes, keyID: String, wrap: (SecretBytes) async throws -> [UInt8]
    ) async throws -> SealedEnvelope {
        let fresh = SecretBytes(random: 32)
        let key = fresh.withBytes { SymmetricKey(data: $0) }
        guard let box = try? secret.withBytes({ try AES.GCM.seal($0, using: key) }) else {
            throw EnvelopeError("cannot seal the secret")
        }
        return SealedEnvelope(
            keyID: keyID, encryptedKey: Base64.encode(try await wrap(fresh)),
            encryptedData: Base64.encode(Array(box.ciphertext) + Array(box.tag)), wrapType: "A256GCM",
            iv: Base64.encode(Array(box.nonce)))
    }

    /// The wrapped key's bytes.
    public func wrappedKey() throws(WireError) -> [UInt8] {
        try Base64.decode(encryptedKey, field: "sealed.encrypted_key")
    }

    /// Opens the secret with the unwrapped key.
    public func open(with key: SecretBytes) throws(EnvelopeError) -> SecretBytes {
        guard wrapType == "A256GCM" else { throw EnvelopeError("the sealed secret is not of wrap type A256GCM") }
        guard key.count == 32, let nonce = try? AES.GCM.Nonce(data: Base64.decode(iv, field: "sealed.iv")),
            let data = try? Base64.decode(encryptedData, field: "sealed.encrypted_data"), data.count >= 16,
            let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: data.dropLast(16), tag: data.suffix(16)),
            var plaintext = try? AES.GCM.open(box, using: key.withBytes { SymmetricKey(data: $0) })
        else { throw EnvelopeError("cannot open the sealed secret") }
        defer { plaintext.resetBytes(in: plaintext.startIndex..<plaintext.endIndex) }
        return plaintext.withUnsafeBytes { SecretBytes(copying: $0) }
    }
}

/// The text of a sealed secret whose signature is yet to be checked.
public struct SealedText: Equatable, Sendable {
    /// Where the public half of the signing key is, as the text says.
    public let keyID: String
    private let signed: [UInt8]
    private let signature: [UInt8]
    private let payload: [UInt8]

    /// Takes a text apart. Nothing in it is to be believed before ``verified(by:)``, but where to look for the key.
    public init(_ text: String) throws(WireError) {
        guard text.utf8.count <= SealedSecret.limit else {
            throw WireError(field: "sealed", reason: "is longer than \(SealedSecret.limit) bytes")
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "sealed" else {
            throw WireError(field: "sealed", reason: "is cut off or damaged: `sealed.` and three parts are needed")
        }
        let header: JSONValue
        do {
            header = try JSONValue.parse(try Base64.decodeURL(parts[1], field: "sealed.header"))
        } catch {
            throw WireError(field: "sealed.header", reason: "is not JSON in base64url")
        }
        var fields = try JSONFields(header, path: "sealed.header")
        guard try fields.string("alg") == "ES256" else { throw fields.refusal("alg", "must be ES256") }
        // What is signed is always the base64 here, as everybody's are; RFC 7797 knows another form.
        guard try fields.bool("b64", default: true) else { throw fields.refusal("b64", "must be true") }
        guard fields.optionalValue("crit") == nil else { throw fields.refusal("crit", "is not understood") }
        keyID = try fields.string("kid")
        payload = try Base64.decodeURL(parts[2], field: "sealed.payload")
        signature = try Base64.decodeURL(parts[3], field: "sealed.signature")
        signed = Array("\(parts[1]).\(parts[2])".utf8)
    }

    /// What the text says, whoever wrote it.
    func unverified() throws(WireError) -> SealedSecret {
        try SealedSecret(payload: try JSONValue.parse(payload))
    }

    /// The secret, when the signature is that of `key`.
    public func verified(by key: P256.Signing.PublicKey) throws(EnvelopeError) -> SealedSecret {
        guard let raw = try? P256.Signing.ECDSASignature(rawRepresentation: signature),
            key.isValidSignature(raw, for: signed)
        else { throw EnvelopeError("the sealed secret is not signed by this key") }
        do {
            return try unverified()
        } catch {
            throw EnvelopeError("the sealed secret cannot be read: \(error)")
        }
    }
}
