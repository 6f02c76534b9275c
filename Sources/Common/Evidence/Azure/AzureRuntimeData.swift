import WireFormat

/// The runtime data of an HCL report: the vTPM's keys and the machine's configuration, as JSON.
public struct AzureRuntimeData: Equatable, Sendable {
    /// An RSA key by its numbers, big-endian.
    public struct Key: Equatable, Sendable {
        /// The key's name, e.g. `HCLAkPub`.
        public var name: String
        /// The modulus.
        public var modulus: [UInt8]
        /// The exponent.
        public var exponent: [UInt8]
    }

    /// The keys in order.
    public let keys: [Key]
    /// The machine's configuration as it stands.
    public let configuration: JSONValue?
    /// The caller's 64 bytes as they stand, in hex; older machines have none.
    public let userData: String?

    /// The name of the attestation key.
    public static let attestationKeyName = "HCLAkPub"
    private static let keyLimit = 8

    /// Reads the JSON; members that are not known are left alone, since Azure adds some.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let json = try JSONValue.parse(bytes, limits: JSONLimits(depth: 16, size: 64 * 1024))
        guard let list = json["keys"]?.arrayValue, list.count <= Self.keyLimit else {
            throw WireError(field: "keys", reason: "must be a list of at most \(Self.keyLimit) keys")
        }
        var keys: [Key] = []
        for (index, element) in list.enumerated() {
            var fields = try JSONFields(element, path: "keys[\(index)]")
            let name = try fields.string("kid")
            guard try fields.string("kty") == "RSA" else { throw fields.refusal("kty", "is not RSA") }
            guard !keys.contains(where: { $0.name == name }) else { throw fields.refusal("kid", "comes twice") }
            let modulus = try Base64.decodeEither(try fields.string("n"), field: fields.path("n"))
            let exponent = try Base64.decodeEither(try fields.string("e"), field: fields.path("e"))
            keys.append(Key(name: name, modulus: modulus, exponent: exponent))
        }
        self.keys = keys
        configuration = json["vm-configuration"]
        userData = json["user-data"]?.stringValue
    }

    /// The vTPM's attestation key.
    public var attestationKey: Key? { keys.first { $0.name == Self.attestationKeyName } }
}
