import WireFormat

/// The annotation packet of the Confidential Containers attestation agent, version 1 or 2.
public struct KeyProviderPacket: Hashable, Sendable {
    /// How the private options are wrapped under the key-encryption key.
    public enum Wrapping: String, Sendable {
        /// AES-256-GCM; the ciphertext is followed by the 16-byte tag, the iv has 12 bytes.
        case gcm = "A256GCM"
    }

    /// The address of the key-encryption key, such as `kbs:///default/image-key/hello`.
    public var keyIdentifier: String
    /// The wrapped private options.
    public var wrappedData: [UInt8]
    /// The initialisation vector.
    public var initialisationVector: [UInt8]
    /// How the data is wrapped.
    public var wrapping: Wrapping

    /// The largest packet accepted, in bytes.
    static let maximumBytes = 64 << 10

    /// Creates a packet.
    public init(keyIdentifier: String, wrappedData: [UInt8], initialisationVector: [UInt8], wrapping: Wrapping = .gcm) {
        self.keyIdentifier = keyIdentifier
        self.wrappedData = wrappedData
        self.initialisationVector = initialisationVector
        self.wrapping = wrapping
    }

    /// Parses the JSON form.
    ///
    /// A version 2 packet is accepted for the provider `kbs` only: its settings for other providers have no meaning here.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let path = "key provider packet"
        guard bytes.count <= Self.maximumBytes else {
            throw WireError(field: path, reason: "larger than \(Self.maximumBytes) bytes")
        }
        var fields = try JSONFields(try JSONValue.parse(bytes), path: path)
        self.keyIdentifier = try fields.string("kid")
        self.wrappedData = try Base64.decode(try fields.string("wrapped_data"), field: "\(path).wrapped_data")
        self.initialisationVector = try Base64.decode(try fields.string("iv"), field: "\(path).iv")
        let wrapType = try fields.string("wrap_type")
        guard let wrapping = Wrapping(rawValue: wrapType) else {
            // Counter mode alone has no authentication: whoever stores the image could change the layer key's digest.
            throw WireError(field: "\(path).wrap_type", reason: "not A256GCM")
        }
        self.wrapping = wrapping
        if let version = try fields.optionalString("version") {
            guard version == "0.1.0" else { throw WireError(field: "\(path).version", reason: "not 0.1.0") }
            let provider = try fields.optionalString("provider") ?? "kbs"
            guard provider == "kbs" else { throw WireError(field: "\(path).provider", reason: "not kbs") }
            _ = fields.optionalValue("provider_settings")
            _ = fields.optionalValue("annotations")
        }
        try fields.finish()
        guard self.initialisationVector.count == 12, self.wrappedData.count > 16 else {
            throw WireError(field: path, reason: "the iv is not 12 bytes or the data is shorter than a tag")
        }
    }

    /// The JSON form of version 1, which every version of the attestation agent reads.
    public var bytes: [UInt8] {
        let value: JSONValue = [
            "kid": .string(self.keyIdentifier), "wrapped_data": .string(Base64.encode(self.wrappedData)),
            "iv": .string(Base64.encode(self.initialisationVector)), "wrap_type": .string(self.wrapping.rawValue),
        ]
        return value.canonicalBytes
    }
}
