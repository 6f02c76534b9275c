import Synchronization
import WireFormat

/// An attestation service without its wire: evidence in, the submodules of a token out.
///
/// Policies are named as trustee names them: `default` for a machine is `default_cpu`. The built-in policy answers to
/// `default` until another is set under that name.
public final class AttestationEvaluator: Sendable {
    /// The most policies that are kept.
    public static let policyLimit = 1024
    /// The largest policy, in bytes.
    public static let policySizeLimit = 1 << 20
    /// The most pieces of evidence for one token.
    public static let submissionLimit = 64

    private let verifier: SubmissionVerifier
    private let references: any ReferenceValueSource
    private let builtIn: AttestationPolicy
    private let policies = Mutex<[String: AttestationPolicy]>([:])

    /// Creates a service.
    ///
    /// - Parameters:
    ///   - verifier: What verifies evidence.
    ///   - references: What policies compare claims with.
    public init(_ verifier: SubmissionVerifier, references: any ReferenceValueSource) throws(WireError) {
        self.verifier = verifier
        self.references = references
        builtIn = try Self.compile(DefaultPolicy.identifier, DefaultPolicy.source, references)
    }

    private static func compile(
        _ identifier: String, _ source: String, _ references: any ReferenceValueSource
    ) throws(WireError) -> AttestationPolicy {
        do {
            return try AttestationPolicy(identifier: identifier, source: source, references: references)
        } catch {
            throw WireError(field: "policy \(identifier)", reason: error.description)
        }
    }

    /// Sets a policy in place of the former one of that name.
    ///
    /// - Parameter save: Stores it; when it throws, nothing changes.
    /// - Throws: ``WireError`` when the name or the policy is not one.
    public func setPolicy(
        _ identifier: String, source: String, saving save: () throws(WireError) -> Void = {}
    ) throws(WireError) {
        let isName =
            (1...128).contains(identifier.utf8.count)
            && identifier.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains($0))
            }
        guard isName else {
            throw WireError(field: "policy_id", reason: "must be 1 to 128 letters, digits, dots, hyphens, underscores")
        }
        guard source.utf8.count <= Self.policySizeLimit else {
            throw WireError(field: "policy", reason: "exceeds \(Self.policySizeLimit) bytes")
        }
        let policy = try Self.compile(identifier, source, references)
        try policies.withLock { (known) throws(WireError) in
            guard known[identifier] != nil || known.count < Self.policyLimit else {
                throw WireError(field: "policy_id", reason: "there are \(Self.policyLimit) policies")
            }
            try save()
            known[identifier] = policy
        }
    }

    /// The names of the policies that hold, sorted.
    public var policyIdentifiers: [String] {
        let set = policies.withLock { Set($0.keys) }
        return set.union([DefaultPolicy.identifier]).sorted()
    }

    /// The policy for a kind of device: the one of that kind, then the one of that name for all kinds.
    func policy(_ identifier: String, for deviceClass: DeviceClass) throws(WireError) -> AttestationPolicy {
        let found = policies.withLock { $0["\(identifier)_\(deviceClass.rawValue)"] ?? $0[identifier] }
        if let found { return found }
        guard identifier == DefaultPolicy.identifier else {
            throw WireError(
                field: "policy_ids", reason: "there is no policy \(ShownText.cut(identifier, bytes: 128))")
        }
        return builtIn
    }

    private func verifier(_ endorsements: EndorsementFiles?, _ distrust: Distrust?) -> SubmissionVerifier {
        guard endorsements != nil || distrust != nil else { return verifier }
        var settings = verifier.settings
        if let endorsements { settings.endorsements = endorsements }
        if let distrust { settings.distrust = distrust }
        return SubmissionVerifier(settings)
    }

    /// Verifies evidence and judges its claims.
    ///
    /// - Parameters:
    ///   - submission: The evidence.
    ///   - policy: The policy's name; empty for the default.
    ///   - endorsements: What is at hand for this evidence; nil for what the settings have.
    ///   - distrust: What is not trusted in place of what the settings distrust; nil for the latter.
    public func evaluate(
        _ submission: Submission, policy: String = "", endorsements: EndorsementFiles? = nil,
        distrusting distrust: Distrust? = nil
    ) throws(EvidenceRefusal) -> AttestationResult {
        let verified = try verifier(endorsements, distrust).verify(submission)
        let identifier = policy.isEmpty ? DefaultPolicy.identifier : policy
        do throws(WireError) {
            return try AttestationResult(
                verified, policy: try self.policy(identifier, for: verified.deviceClass), identifier: identifier)
        } catch {
            throw VerificationRecord().refusal(.policy, "appraisal policy", identifier, error.description)
        }
    }

    /// Evaluates several pieces of evidence for one token; one that is refused refuses all.
    public func evaluate(
        _ submissions: [Submission], policy: String = ""
    ) throws(EvidenceRefusal) -> [AttestationResult] {
        try Self.check(count: submissions.count)
        var results: [AttestationResult] = []
        for submission in submissions { results.append(try evaluate(submission, policy: policy)) }
        return results
    }

    /// Refuses what is no number of pieces of evidence for one token.
    public static func check(count: Int) throws(EvidenceRefusal) {
        guard (1...submissionLimit).contains(count) else {
            throw VerificationRecord().refusal(
                .format, "verification_requests", "\(count)", "must be 1 to \(submissionLimit)")
        }
    }
}
