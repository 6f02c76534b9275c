import EndorsementSources
import Envelope
import NIOPosix
import Verifier
import WireFormat

/// What the servers of both wires do: evaluate evidence, keep policies and reference values, publish keys.
public struct EvaluationService: Sendable {
    private let evaluator: AttestationEvaluator
    private let endorsements: EndorsementFiles
    private let supply: EndorsementSupply
    private let references: ReferenceValueRegistry
    private let issuer: AttestationTokenIssuer
    private let keys: TokenKeys
    private let state: ServiceState?
    private let explains: Bool
    private let clock: @Sendable () -> Int64
    /// Signatures and policies take their time; the network's threads and health checks do not wait for them.
    private let pool: NIOThreadPool

    /// Creates a service.
    ///
    /// - Parameters:
    ///   - settings: Whom it believes.
    ///   - supply: Where it takes endorsements from that evidence needs and the settings lack.
    ///   - references: What policies compare claims with.
    ///   - keys: What signs tokens.
    ///   - issuer: The issuer that tokens name.
    ///   - build: The program that tokens name.
    ///   - state: Where policies are kept that are set, and were set before; nil keeps them in memory alone.
    ///   - explains: Whether tokens say of each claim what stands behind it.
    ///   - threads: How many evaluations run at once.
    public init(
        settings: VerificationSettings, supply: EndorsementSupply, references: ReferenceValueRegistry,
        keys: TokenKeys, issuer name: String, build: String, state: ServiceState? = nil, explains: Bool = false,
        threads: Int = 4
    ) throws(WireError) {
        endorsements = settings.endorsements
        self.supply = supply
        evaluator = try AttestationEvaluator(SubmissionVerifier(settings), references: references)
        self.references = references
        self.keys = keys
        self.state = state
        issuer = AttestationTokenIssuer(keyring: keys.keyring, issuer: name, build: build)
        self.explains = explains
        clock = settings.clock
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        for policy in try state?.policies() ?? [] {
            try evaluator.setPolicy(policy.identifier, source: policy.source)
        }
    }

    /// Evaluates evidence; answers the token.
    public func evaluate(
        policies: [String], _ read: @escaping @Sendable () throws(WireError) -> [Submission]
    ) async throws(ServiceFailure) -> String {
        guard policies.count <= 1 else {
            throw ServiceFailure(.malformed, "policy_ids: one policy judges a request, and \(policies.count) are named")
        }
        let submissions = try await working { () throws(ServiceFailure) in try understood(read) }
        let policy = policies.first ?? ""
        do {
            try AttestationEvaluator.check(count: submissions.count)
            var results: [AttestationResult] = []
            for submission in submissions { results.append(try await evaluate(submission, policy)) }
            let found = results
            return try await working { () throws(ServiceFailure) in
                do {
                    try keys.rotateWhenDue(now: clock())
                    return try issuer.issue(
                        submodules: try AttestationResult.submodules(found, explained: explains), now: clock())
                } catch {
                    throw ServiceFailure(.failed, "the token cannot be made")
                }
            }
        } catch let refusal as EvidenceRefusal {
            throw ServiceFailure(.refused, refusal.description)
        } catch let shortage as EndorsementShortage {
            throw ServiceFailure(
                .refused, "\(EvidenceCheck.collateral.rawValue): endorsements are missing: \(shortage.reason)")
        } catch let failure as ServiceFailure {
            throw failure
        } catch {
            throw ServiceFailure(.failed, "the evidence cannot be evaluated")
        }
    }

    private func evaluate(_ submission: Submission, _ policy: String) async throws -> AttestationResult {
        try await supply.verifying(submission.endorsed, isBound: submission.isStatedlyBound, with: endorsements) {
            files in
            try await working { () throws(ServiceFailure) in
                Result { () throws(EvidenceRefusal) in
                    try evaluator.evaluate(submission, policy: policy, endorsements: files)
                }
            }.get()
        }
    }

    /// Sets a policy, which is Rego in base64url.
    public func setPolicy(_ identifier: String, encoded: String) async throws(ServiceFailure) {
        try await working { () throws(ServiceFailure) in
            try understood { () throws(WireError) in
                let bytes = try Base64.decodeEither(encoded, field: "policy")
                guard let source = String(validating: bytes, as: UTF8.self) else {
                    throw WireError(field: "policy", reason: "is not UTF-8")
                }
                try evaluator.setPolicy(identifier, source: source) { () throws(WireError) in
                    try state?.save(policy: identifier, source: source)
                }
            }
        }
    }

    /// The names of the policies.
    public var policyIdentifiers: [String] { evaluator.policyIdentifiers }

    /// A challenge for a guest: 32 random bytes in base64.
    ///
    /// IBM Secure Execution needs a request that only somebody with the image's keys can make.
    public func challenge(tee: String) throws(ServiceFailure) -> String {
        guard tee != "se" else {
            throw ServiceFailure(.unsupported, "attestation requests of IBM Secure Execution are not made here")
        }
        guard SubmissionVerifier.technologies.contains(tee) else {
            throw ServiceFailure(.malformed, "tee: \(ShownText.cut(tee, bytes: 64)) is not known")
        }
        var generator = SystemRandomNumberGenerator()
        return Base64.encode((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// The reference value of a name as JSON; nil when there is none.
    public func referenceValue(_ name: String) -> String? { references.value(named: name)?.canonicalText }

    /// Registers the reference values of a message.
    public func register(message: String) throws(ServiceFailure) {
        try understood { () throws(WireError) in
            try references.register(message: try JSONValue.parse(text: message))
        }
    }

    /// Lets a new key sign from now on; answers its name.
    public func rotateTokenKey() async throws(ServiceFailure) -> String {
        try await working { () throws(ServiceFailure) in
            let name: String?
            do { name = try keys.rotate(now: clock()) } catch {
                throw ServiceFailure(.failed, "the new key cannot be kept")
            }
            guard let name else {
                throw ServiceFailure(.unsupported, "the key that signs is a file of the service's owner")
            }
            return name
        }
    }

    /// The keys that check tokens.
    public var keySet: JSONValue { issuer.keyring.keySet(now: clock()) }

    private func understood<Value>(_ read: () throws(WireError) -> Value) throws(ServiceFailure) -> Value {
        do {
            return try read()
        } catch {
            throw ServiceFailure(.malformed, "\(error.field): \(error.reason)")
        }
    }

    private func working<Value: Sendable>(
        _ work: @escaping @Sendable () throws(ServiceFailure) -> Value
    ) async throws(ServiceFailure) -> Value {
        let result: Result<Value, ServiceFailure>
        do {
            result = try await pool.runIfActive {
                Result { () throws(ServiceFailure) in try work() }
            }
        } catch {
            throw ServiceFailure(.failed, "the service is ending")
        }
        return try result.get()
    }
}
