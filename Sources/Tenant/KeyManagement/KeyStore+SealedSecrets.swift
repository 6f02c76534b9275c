import Envelope
import WireFormat

extension KeyName {
    /// How sealed secrets name a key of this key management: `kbs+kms:///namespace/name`.
    public var sealedKeyID: String { "kbs+kms:///\(namespace)/\(name)" }

    /// Reads ``sealedKeyID`` or plain `namespace/name`.
    public init(sealedKeyID text: String) throws(WireError) {
        let prefix = "kbs+kms:///"
        do {
            try self.init(parsing: text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
        } catch {
            throw WireError(field: "sealed.key_id", reason: "must be \(prefix)namespace/name")
        }
    }
}

extension KeyStore {
    /// Unwraps the key of a sealed secret for a caller who may unwrap (AES-KW) or decrypt (AES-GCM) with the key that it names.
    ///
    /// The caller opens the secret itself; whoever checks the signature is the caller too, with a key of its own choice.
    public func unwrap(
        _ secret: SealedSecret, by caller: KeyCaller
    ) async throws(KeyFailure) -> SecretBytes {
        guard secret.provider == "kbs", case .envelope(let envelope) = secret.content else {
            throw KeyFailure(.malformed, "sealed.provider", "must be kbs, and the type envelope")
        }
        let name: KeyName
        let wrapped: [UInt8]
        do throws(WireError) {
            name = try KeyName(sealedKeyID: envelope.keyID)
            wrapped = try envelope.wrappedKey()
        } catch {
            throw KeyFailure(error)
        }
        // The header tells the kind; the key's own kind is checked against it.
        let isGCM = wrapped.count > 2 && wrapped[2] == KeyKind.aes256GCM.code
        return isGCM
            ? try await decrypt(wrapped, with: name, by: caller) : try await unwrap(wrapped, with: name, by: caller)
    }

    /// Seals a secret as an envelope of the named key, which wraps (AES-KW) or encrypts (AES-GCM) the fresh key.
    public func seal(
        _ secret: SecretBytes, with name: KeyName, by caller: KeyCaller
    ) async throws(KeyFailure) -> SealedSecret {
        try Self.check(secret.count, "plaintext")
        return try await KeyFailure.wrapping {
            let kind = try await self.record(name).kind
            let envelope = try await SealedEnvelope.seal(secret, keyID: name.sealedKeyID) { fresh in
                kind == .aes256GCM
                    ? try await self.encrypt(fresh, with: name, by: caller)
                    : try await self.wrap(fresh, with: name, by: caller)
            }
            return SealedSecret(.envelope(envelope))
        }
    }
}
