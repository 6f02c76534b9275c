import Crypto
import CryptoExtras
import Envelope
import ImageFormat
import WireFormat

/// A key that opens the wrapped options of encrypted layers.
public enum OcicryptKey: Sendable {
    /// A P-256 key, for JWE packets.
    case p256(P256.KeyAgreement.PrivateKey)
    /// An RSA key in DER, for JWE packets. Kept as bytes because the key type of the library is not sendable.
    case rsaDER(SecretBytes)
    /// The key-encryption key of a broker, for packets that name `identifier`.
    case keyEncryption(identifier: String, key: SecretBytes)

    /// An RSA key, for JWE packets.
    public static func rsa(_ key: _RSA.Encryption.PrivateKey) -> OcicryptKey {
        .rsaDER(SecretBytes(Array(key.derRepresentation)))
    }

    /// Reads a P-256 or RSA private key in PEM.
    public init(pem: String) throws(OcicryptError) {
        if let key = try? P256.KeyAgreement.PrivateKey(pemRepresentation: pem) {
            self = .p256(key)
        } else if let key = try? _RSA.Encryption.PrivateKey(pemRepresentation: pem) {
            self = .rsa(key)
        } else {
            throw OcicryptError("not a P-256 or RSA (2048 bits or more) private key in PEM")
        }
    }
}

/// Unwraps the private options of encrypted layers.
public enum OcicryptOpening {
    /// The addresses of the key-encryption keys that open a layer, for asking a broker.
    public static func keyIdentifiers(of layer: Descriptor) throws(WireError) -> [String] {
        try Ocicrypt.wrappedKeys(of: layer).compactMap { wrapped in
            if case .provider(let packet) = wrapped { packet.keyIdentifier } else { nil }
        }
    }

    /// Unwraps a layer's options with the first packet that the key opens.
    ///
    /// A packet of a key provider is tried only with the key it names.
    ///
    /// - Throws: ``OcicryptError`` if no packet opens, without saying whose fault it is: a wrong key and a damaged packet
    ///   look alike. ``WireError`` if the annotations or the unwrapped options are malformed.
    public static func unwrap(_ layer: Descriptor, with key: OcicryptKey) throws -> OcicryptPrivateOptions {
        for wrapped in try Ocicrypt.wrappedKeys(of: layer) {
            guard let options = Self.open(wrapped, key) else { continue }
            return try OcicryptPrivateOptions(parsing: options)
        }
        throw OcicryptError("no packet of the layer \(layer.digest) opens with this key")
    }

    /// Opens one packet of the attestation agent.
    public static func open(_ packet: KeyProviderPacket, with key: SecretBytes) throws(OcicryptError) -> [UInt8] {
        let fault = OcicryptError("the packet does not open with the key \(packet.keyIdentifier)")
        guard key.count == 32 else {
            throw OcicryptError("the key \(packet.keyIdentifier) has \(key.count) bytes, not 32")
        }
        let symmetricKey = key.withBytes { SymmetricKey(data: $0) }
        do {
            let box = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: packet.initialisationVector), ciphertext: packet.wrappedData.dropLast(16),
                tag: packet.wrappedData.suffix(16))
            return Array(try AES.GCM.open(box, using: symmetricKey))
        } catch {
            throw fault
        }
    }

    private static func open(_ wrapped: OcicryptWrappedKey, _ key: OcicryptKey) -> [UInt8]? {
        switch (wrapped, key) {
        case (.provider(let packet), .keyEncryption(let identifier, let secret)):
            guard packet.keyIdentifier == identifier else { return nil }
            return try? self.open(packet, with: secret)
        case (.jwe(let bytes), .p256(let key)):
            return OcicryptJWEOpening(parsing: bytes).flatMap { $0.open(with: key) }
        case (.jwe(let bytes), .rsaDER(let der)):
            guard let key = try? _RSA.Encryption.PrivateKey(derRepresentation: der.copyBytes()) else { return nil }
            return OcicryptJWEOpening(parsing: bytes).flatMap { $0.open(with: key) }
        default: return nil
        }
    }
}
