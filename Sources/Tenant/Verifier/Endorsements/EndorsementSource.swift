import WireFormat

/// Something as a source gave it: nothing of it is trusted.
public struct PublishedEndorsement: Equatable, Sendable {
    /// The body.
    public var bytes: [UInt8]
    /// The signer's certificates in PEM, where they come beside the body.
    public var issuerChain: [UInt8]?

    /// Joins both.
    public init(bytes: [UInt8], issuerChain: [UInt8]? = nil) {
        self.bytes = bytes
        self.issuerChain = issuerChain
    }
}

/// Where endorsements come from: a service of the vendor, a mirror of it, a folder, a cache.
///
/// No source is trusted. What one gives is an answer only when ``EndorsementChecker`` finds the vendor's signature, the
/// right subject and current dates.
public protocol EndorsementSource: Sendable {
    /// Obtains one item that is valid at a time.
    ///
    /// - Parameters:
    ///   - item: What is wanted.
    ///   - now: The time at which it must be valid, in seconds since 1970.
    ///   - checker: What tells the genuine from the rest.
    /// - Throws: ``EndorsementFailure`` naming every place that was asked and what was wrong with its answer.
    func obtain(
        _ item: EndorsementItem, at now: Int64, checker: EndorsementChecker
    ) async throws(EndorsementFailure) -> CheckedEndorsement
}

/// Why an item could not be had.
public struct EndorsementFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// One place that was asked.
    public struct Attempt: Equatable, Sendable {
        /// An address or a path.
        public let place: String
        /// What was wrong.
        public let reason: String
        /// Whether the place answered that there is no such thing.
        public let isAbsence: Bool

        /// States what came of asking a place.
        public init(place: String, reason: String, isAbsence: Bool = false) {
            self.place = place
            self.reason = reason
            self.isAbsence = isAbsence
        }
    }

    /// What was wanted.
    public let item: EndorsementItem
    /// The places in the order in which they were asked.
    public let attempts: [Attempt]

    /// Creates a failure.
    public init(_ item: EndorsementItem, _ attempts: [Attempt]) {
        self.item = item
        self.attempts = attempts
    }

    /// Whether every place that was asked has no such thing.
    public var isAbsence: Bool { !attempts.isEmpty && attempts.allSatisfy(\.isAbsence) }

    /// What was wanted and what each place said.
    public var description: String {
        let said = attempts.map { "\($0.place): \($0.reason)" }.joined(separator: "; ")
        return said.isEmpty ? "no source has \(item.title)" : "\(item.title) could not be had: \(said)"
    }
}
