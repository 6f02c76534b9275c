import WireFormat

/// What a guest asks its key broker for to come by a sealed secret.
public struct SealedNeeds: Equatable, Sendable {
    /// Resources, as `repository/type/tag`: the signing key's public half, and the secret itself for a vault.
    public var resources: [String]
    /// What is done with which key of the broker; nil for a vault.
    public var key: KeyUse?

    /// A call of the broker's key management.
    public struct KeyUse: Hashable, Sendable {
        /// The key's namespace.
        public let namespace: String
        /// The key's name there.
        public let name: String
        /// `decrypt` or `unwrap`.
        public let operation: String
    }
}

extension SealedSecret {
    /// Whether a text poses as a sealed secret.
    public static func isSealed(_ text: String) -> Bool { text.utf8.starts(with: prefix.utf8) }

    /// Whether a text is one but for blanks in front or capitals, so that whoever wrote it took it for one.
    public static func isAlmostSealed(_ text: String) -> Bool {
        let start = text.utf8.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }.prefix(prefix.utf8.count)
        return !isSealed(text) && start.elementsEqual(prefix.utf8, by: { $0 == $1 || $0 | 0x20 == $1 })
    }
}

extension SealedText {
    /// What a guest will ask for. The signature is not checked for that: it decides what is registered for a manifest that holds this
    /// text anyway, and not what is in it.
    public func needs() throws(WireError) -> SealedNeeds {
        var needs = SealedNeeds(resources: [try keyResource()])
        let secret = try unverified()
        guard secret.provider == "kbs" else { throw WireError(field: "sealed.provider", reason: "must be kbs") }
        switch secret.content {
        case .vault(let name): needs.resources.append(try ResourceAddress.path(of: name, "sealed.name"))
        case .envelope(let envelope): needs.key = try envelope.unwrapping()
        }
        return needs
    }

    /// The resource that is the public half of the signing key. Guests of others know files in the guest's image besides.
    public func keyResource() throws(WireError) -> String {
        try ResourceAddress.path(of: keyID, "sealed.header.kid")
    }
}

extension SealedEnvelope {
    /// Which call of the broker's key management unwraps the key.
    public func unwrapping() throws(WireError) -> SealedNeeds.KeyUse {
        let scheme = "kbs+kms:///"
        let key = keyID.hasPrefix(scheme) ? String(keyID.dropFirst(scheme.count)) : keyID
        guard key.utf8.count <= 256, let segments = ResourceAddress.segments(key), segments.count == 2 else {
            throw WireError(field: "sealed.key_id", reason: "must be \(scheme)namespace/name")
        }
        // A message of the key management: `T`, format 1, and the number of the kind.
        let operations: [[UInt8]: String] = [
            [UInt8(ascii: "T"), 1, 1]: "decrypt", [UInt8(ascii: "T"), 1, 2]: "unwrap",
        ]
        guard let operation = operations[Array(try wrappedKey().prefix(3))] else {
            throw WireError(
                field: "sealed.encrypted_key", reason: "was not made by an aes-256-gcm or aes-256-kw key of a broker")
        }
        return SealedNeeds.KeyUse(namespace: segments[0], name: segments[1], operation: operation)
    }
}
