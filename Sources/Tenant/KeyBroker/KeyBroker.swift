import Envelope
import Foundation
import Verifier
import WireFormat

/// The key broker: KBS protocol 0.4.0 with single-use nonces, sealed storage, per-manifest release and a tenant CA.
///
/// This type is the logic; ``BrokerServer`` puts it behind TLS. Every decision goes into the audit log before its
/// effect leaves the process.
public final class KeyBroker: Sendable {
    let store: BrokerStore
    let cookies: CookieKeys
    let sessionClaims: any SessionClaims
    let limits: CallLimiter
    let released: ReleasedMeasurements
    let named: NamedReferenceValues
    let tokens: TokenAuthority
    let foreignTokens: ForeignTokens
    let handshake: Handshake
    let policies: ResourcePolicies
    let decisionMaker: ReleaseDecision
    let authority: TenantCA
    let gate: AdminGate
    let audit: AuditLog
    let metrics = BrokerMetrics()
    let clock: BrokerClock

    /// Opens the stores that `configuration` names and checks that all of them fit the root key.
    ///
    /// - Parameters:
    ///   - configuration: Where things are and who is trusted.
    ///   - appraiser: What judges evidence; nil for the project's verifier with the configured soft roots.
    ///   - policy: What decides on releases for which no administrator set a policy.
    ///   - cookies: What seals sessions; replicas of one store share it.
    ///   - clock: Where the time comes from.
    public init(
        configuration: BrokerConfiguration, appraiser: (any EvidenceAppraiser)? = nil,
        policy: any ResourcePolicy = RegistrationPolicy(), cookies: CookieKeys = CookieKeys(),
        clock: BrokerClock = .system
    ) throws(BrokerError) {
        let sealer = try RowSealer(file: configuration.rootKey)
        let store = try BrokerStore(path: configuration.database, sealer: sealer)
        self.store = store
        self.clock = clock
        self.cookies = cookies
        sessionClaims = SessionClaimsMemory()
        limits = CallLimiter(configuration.limits)
        named = try NamedReferenceValues(
            store: store, keys: try configuration.referenceSigningKeys(), clock: clock)
        released = try ReleasedMeasurements(
            store: store, keys: try configuration.keys(configuration.releaseKeys), named: named, clock: clock)
        tokens = try TokenAuthority(
            store: store, minutes: configuration.tokenMinutes, algorithm: configuration.tokenAlgorithm,
            keyDays: configuration.tokenKeyDays, issuer: configuration.tokenIssuer, clock: clock)
        foreignTokens = try ForeignTokens(configuration.foreignTokens)
        policies = ResourcePolicies(storage: SettingPolicyStorage(store))
        decisionMaker = ReleaseDecision(
            store: store, released: released, policies: policies, registration: policy, clock: clock)
        authority = try TenantCA(folder: configuration.authorityFolder, sealer: sealer, now: clock.now)
        gate = try AdminGate(keys: try configuration.keys(configuration.adminKeys), clock: clock)
        audit = try AuditLog(path: configuration.auditLog, clock: clock)
        let judge: any EvidenceAppraiser
        if let appraiser {
            judge = appraiser
        } else {
            judge = try configuration.attestation.appraiser(
                softRoots: configuration.softRoots, revocationLists: configuration.revocationLists,
                fetching: configuration.endorsements, references: named.source, clock: clock)
        }
        handshake = Handshake(
            cookies: cookies, versions: configuration.protocolVersions, store: store, released: released,
            policies: policies, tokens: tokens, appraiser: judge, clock: clock)
    }

    /// Answers one request; errors become problem documents, never anything else.
    func respond(to request: BrokerRequest) async -> BrokerResponse {
        metrics.count(.requests)
        do {
            return try await route(request)
        } catch {
            return .problem(error, trace: request.trace)
        }
    }

    private func route(_ request: BrokerRequest) async throws(BrokerError) -> BrokerResponse {
        switch (request.method, request.path) {
        case ("GET", ["healthz"]): return .empty
        case ("GET", ["readyz"]): return try ready()
        case ("GET", ["metrics"]):
            return .text(metrics.page(), type: "text/plain; version=0.0.4")
        case ("GET", [".well-known", "jwks.json"]): return .json(tokens.keySet)
        default: break
        }
        guard request.path.count >= 3, request.path[0] == "kbs", request.path[1] == "v0" else {
            throw Self.unknownPath
        }
        let rest = Array(request.path.dropFirst(2))
        switch (request.method, rest) {
        case ("POST", ["auth"]): return try openSession(request)
        case ("POST", ["attest"]): return try await attest(request)
        case ("GET", _) where rest.count == 4 && rest[0] == "resource":
            return try await release(request, try Self.resourcePath(rest.dropFirst()))
        case ("GET", _) where rest.count == 3 && rest[0] == "testudo" && rest[1] == "registration":
            return try publicStanding(rest[2])
        case ("GET", _) where rest.count == 3 && rest[0] == "testudo" && rest[1] == "ca":
            guard let root = TenantCA.Root(rawValue: rest[2]) else { throw Self.unknownPath }
            return .text(authority.certificate(root), type: "application/x-pem-file")
        case ("POST", ["testudo", "certificate"]): return try await certificate(request)
        default: return try await administer(request, rest)
        }
    }

    /// No counter outside the database exists, so a roll-back of the whole file would go unnoticed (R14).
    private func ready() throws(BrokerError) -> BrokerResponse {
        _ = try store.setting("root-key-check")
        return .json([
            "ready": true, "rollback": "undetected", "audit": .string(audit.hasRoom ? "recording" : "files-pile-up"),
        ])
    }

    /// Tells anybody who knows a digest whether guests with it would be served, and nothing more.
    private func publicStanding(_ digest: String) throws(BrokerError) -> BrokerResponse {
        let found = try store.registration(digest)
        let active = found.map { $0.refusal(now: clock.seconds) == nil } ?? false
        return .json(["registered": .bool(active)])
    }

    static func resourcePath(_ segments: some Collection<String>) throws(BrokerError) -> ResourcePath {
        guard let path = try? ResourcePath(parsing: segments.joined(separator: "/")) else { throw unknownPath }
        return path
    }

    static let unknownPath = BrokerError(.notFound, check: "path", "there is nothing under this path")
}
