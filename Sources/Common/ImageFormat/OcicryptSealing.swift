import Crypto
import CryptoExtras
import Envelope
import struct Envelope.SHA256Digest
import WireFormat

/// A failure to seal or open a layer. It never holds secret bytes.
public struct OcicryptError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What went wrong.
    public let reason: String

    /// Creates an error.
    public init(_ reason: String) { self.reason = reason }

    /// The reason, with the format's name.
    public var description: String { "ocicrypt: \(self.reason)" }
}

/// A recipient for whom the key of a layer is wrapped.
public enum OcicryptRecipient: Sendable {
    /// The holder of a P-256 or RSA key, by JWE.
    case publicKey(pem: String)
    /// Whoever the key broker gives the key-encryption key called `identifier` to; a packet of the attestation agent.
    case broker(identifier: String, key: SecretBytes)
}

/// Encrypts one layer, chunk by chunk, and writes what a reader needs into its descriptor.
///
/// Each layer gets a fresh random key. Only sealing lives here; nothing in this module can open a layer.
public struct OcicryptSealing {
    private let key: SymmetricKey
    private let secret: SecretBytes
    private let nonce: [UInt8]
    private var stream: CounterModeStream
    private var plainHash = SHA256()
    private var cipherHash = SHA256()
    private var authentication: HMAC<SHA256>
    private var size: Int64 = 0

    /// Creates a sealing with a fresh key and a fresh nonce.
    public init() {
        let secret = SecretBytes(random: 32)
        let key = secret.withBytes { SymmetricKey(data: $0) }
        var generator = SystemRandomNumberGenerator()
        let nonce = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        self.secret = secret
        self.key = key
        self.nonce = nonce
        self.stream = CounterModeStream(key: key, nonce: nonce)
        self.authentication = HMAC<SHA256>(key: key)
    }

    /// Encrypts the next chunk of the (possibly compressed) layer.
    ///
    /// - Returns: Ciphertext of the same length.
    public mutating func seal(_ chunk: some Collection<UInt8>) throws(OcicryptError) -> [UInt8] {
        let plain = Array(chunk)
        self.plainHash.update(data: plain)
        let sealed = try self.stream.apply(plain)
        self.cipherHash.update(data: sealed)
        self.authentication.update(data: sealed)
        self.size += Int64(sealed.count)
        return sealed
    }

    /// Ends the layer.
    ///
    /// - Parameters:
    ///   - plain: The descriptor of the layer as it was.
    ///   - recipients: Who may open it; at least one.
    /// - Returns: The descriptor of the encrypted layer.
    public consuming func finish(plain: Descriptor, recipients: [OcicryptRecipient]) throws -> Descriptor {
        guard let form = plain.layerForm, !form.isEncrypted else {
            throw OcicryptError("\(plain.mediaType) is not a plain layer")
        }
        guard !recipients.isEmpty else { throw OcicryptError("no recipient") }
        let plainDigest = try SHA256Digest(bytes: Array(self.plainHash.finalize()))
        guard plainDigest == plain.digest, self.size == plain.size else {
            throw OcicryptError("the layer's bytes are not those of \(plain.digest)")
        }
        let options = try OcicryptPrivateOptions(key: self.secret, nonce: self.nonce, plainDigest: plainDigest)
        let open = OcicryptPublicOptions(authentication: Array(self.authentication.finalize()))
        var annotations = plain.annotations
        annotations[Ocicrypt.publicOptionsAnnotation] = Base64.encode(open.bytes)
        for recipient in recipients {
            let (name, packet) = try Self.wrap(options.revealedBytes(), for: recipient)
            let encoded = Base64.encode(packet)
            annotations[name] = annotations[name].map { "\($0),\(encoded)" } ?? encoded
        }
        return Descriptor(
            mediaType: form.encryptedMediaType, digest: try SHA256Digest(bytes: Array(self.cipherHash.finalize())),
            size: self.size, annotations: annotations)
    }

    /// Wraps private options for a recipient.
    ///
    /// - Returns: The annotation's name and the packet to put into it, not yet in base64.
    public static func wrap(_ options: [UInt8], for recipient: OcicryptRecipient) throws -> (String, [UInt8]) {
        switch recipient {
        case .broker(let identifier, let key):
            return (
                Ocicrypt.attestationAgentAnnotation, try self.packet(options, identifier: identifier, key: key).bytes
            )
        case .publicKey(let pem):
            return (Ocicrypt.jweAnnotation, try OcicryptJWE.seal(options, recipientPEM: pem))
        }
    }

    /// Wraps private options under a key-encryption key.
    public static func packet(_ options: [UInt8], identifier: String, key: SecretBytes) throws -> KeyProviderPacket {
        guard key.count == 32 else { throw OcicryptError("the key-encryption key has \(key.count) bytes, not 32") }
        let symmetricKey = key.withBytes { SymmetricKey(data: $0) }
        let box = try AES.GCM.seal(options, using: symmetricKey)
        return KeyProviderPacket(
            keyIdentifier: identifier, wrappedData: Array(box.ciphertext) + Array(box.tag),
            initialisationVector: Array(box.nonce))
    }
}
