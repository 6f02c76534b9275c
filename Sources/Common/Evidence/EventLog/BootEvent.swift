import WireFormat

/// One record of a boot log: what was extended into a register, and what is said to have been measured.
public struct BootEvent: Equatable, Sendable {
    /// A digest by the TCG's algorithm identifier, which need not be a known one.
    public struct Digest: Equatable, Sendable {
        /// The algorithm.
        public var algorithm: UInt16
        /// The digest.
        public var bytes: [UInt8]

        /// Joins its parts.
        public init(algorithm: UInt16, bytes: [UInt8]) {
            self.algorithm = algorithm
            self.bytes = bytes
        }
    }

    /// The register: a PCR, or in a CCEL the RTMR's number plus one (0 is MRTD).
    public var register: UInt32
    /// What was measured.
    public var type: EventType
    /// The digests that were extended, one a bank.
    public var digests: [Digest]
    /// What the log says was measured; a claim until its digest is computed again.
    public var data: [UInt8]

    /// Joins its parts.
    public init(register: UInt32, type: EventType, digests: [Digest], data: [UInt8]) {
        self.register = register
        self.type = type
        self.digests = digests
        self.data = data
    }

    /// The digest of a bank.
    public func digest(_ bank: TPMHash) -> [UInt8]? { digests.first { $0.algorithm == bank.rawValue }?.bytes }
}
