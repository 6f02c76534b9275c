import Evidence
import WireFormat

/// What an appraisal policy may look at.
public struct AppraisalInput: Sendable {
    /// The confirmed technology.
    public let technology: Technology
    /// Whether the root is one of a software stand-in.
    public let simulated: Bool
    /// The report.
    public let report: SNPReport
    /// The published guest that the measurement belongs to, if any.
    public let reference: ReferenceValue?
    /// The claims in the shape that attestation policies of the key broker protocol get as `input`.
    public let claims: JSONValue
}

/// Turns verified claims into trust claims. The default is ``StandardPolicy``; other policy languages fit in here.
public protocol AppraisalPolicy: Sendable {
    /// The name that tokens carry.
    var identifier: String { get }

    /// Judges evidence that is authentic and bound to what was expected.
    ///
    /// - Throws: ``WireError`` naming the rule when the policy refuses or cannot be evaluated; that refuses the evidence.
    func trustVector(for input: AppraisalInput) throws(WireError) -> TrustVector
}

/// The policy that holds when the tenant sets none.
///
/// A simulated processor caps the result at a warning: everything about it may be right, but it protects nothing.
public struct StandardPolicy: AppraisalPolicy {
    /// Creates the policy.
    public init() {}

    /// Always `default`.
    public var identifier: String { "default" }

    /// Executables 3 for a known guest, hardware 2 for genuine hardware, configuration 2 or 3.
    public func trustVector(for input: AppraisalInput) -> TrustVector {
        TrustVector([
            .executables: executables(input.reference), .hardware: input.simulated ? 32 : 2,
            .configuration: configuration(input.report.policy),
        ])
    }

    private func executables(_ reference: ReferenceValue?) -> Int8 {
        guard let reference else { return 33 }
        return reference.debug ? 32 : 3
    }

    private func configuration(_ policy: GuestPolicy) -> Int8 {
        guard !policy.allowsDebug, !policy.allowsMigrationAgent else { return 36 }
        return policy.requiresSingleSocket ? 2 : 3
    }
}
