import WireFormat

/// What a CCA platform says of itself in its token.
public struct CCAPlatformClaims: Equatable, Sendable {
    /// A measured piece of firmware.
    public struct Component: Equatable, Sendable {
        /// What it is, e.g. `RMM`.
        public var type: String?
        /// Its digest.
        public var measurement: [UInt8]
        /// Its version.
        public var version: String?
        /// The digest of the key that signed it.
        public var signer: [UInt8]
        /// The hash of the measurement, where it is not the platform's.
        public var hashAlgorithm: String?
    }

    /// The digest of the realm's key.
    public var challenge: [UInt8]
    /// The profile.
    public var profile: String
    /// The implementation (32 bytes).
    public var implementationID: [UInt8]
    /// The instance (33 bytes, the first of which is 1).
    public var instanceID: [UInt8]
    /// The configuration.
    public var configuration: [UInt8]
    /// The state of the platform's life cycle; 0x3000 to 0x30FF is secured.
    public var lifecycle: UInt16
    /// The firmware.
    public var components: [Component]
    /// Where the platform can be verified.
    public var verificationService: String?
    /// The hash of the measurements.
    public var hashAlgorithm: String

    /// Whether the platform is in service with its protections on.
    public var isSecured: Bool { (0x3000...0x30FF).contains(lifecycle) }

    private static let digestLengths: Set<Int> = [32, 48, 64]
    private static let componentLimit = 64

    /// Parses the token's payload; members that are not known are left alone.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let reader = try CCAClaimReader(bytes, "platform")
        challenge = try reader.bytes(10, "challenge", Self.digestLengths)
        profile = try reader.text(265, "profile")
        implementationID = try reader.bytes(2396, "implementation ID", [32])
        instanceID = try reader.bytes(256, "instance ID", [33])
        configuration = try reader.bytes(2401, "configuration", [])
        guard let lifecycle = try reader.member(2395, "lifecycle").integer.flatMap(UInt16.init(exactly:)) else {
            throw WireError(field: "platform.lifecycle", reason: "is not a number of 16 bits")
        }
        self.lifecycle = lifecycle
        verificationService = reader.value[2400]?.textString
        hashAlgorithm = try reader.text(2402, "hash algorithm")
        guard let list = try reader.member(2399, "components").list, list.count <= Self.componentLimit else {
            throw WireError(field: "platform.components", reason: "is not a list of at most \(Self.componentLimit)")
        }
        components = []
        for (index, value) in list.enumerated() {
            let field = "platform.components[\(index)]"
            guard let measurement = value[2], let signer = value[5] else {
                throw WireError(field: field, reason: "has no measurement or no signer")
            }
            components.append(
                Component(
                    type: value[1]?.textString,
                    measurement: try CCAClaimReader.bytes(measurement, field, Self.digestLengths),
                    version: value[4]?.textString,
                    signer: try CCAClaimReader.bytes(signer, field, Self.digestLengths),
                    hashAlgorithm: value[6]?.textString))
        }
    }
}
