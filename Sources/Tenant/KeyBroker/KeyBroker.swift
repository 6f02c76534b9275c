import Envelope
import Foundation
import KeyManagement
import SealedStorage
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
    let attestationPolicies: StoredAttestationPolicies
    /// What judges evidence, where that is the project's verifier.
    let reloadedAppraiser: ReloadedAppraiser?
    let tenants: TenantTable
    let decisionMaker: ReleaseDecision
    /// Who may evaluate policies when.
    let turns: FairTurns
    /// Who may search the audit log when.
    let searches = FairTurns.searches
    /// Turns of administrators whose calls make something.
    let makings = FairTurns.makings
    let authority: TenantCA
    let keys: KeyStore
    let authorities: CertificateAuthorities
    let gate: AdminGate
    /// What is read again while the broker runs.
    let files = FileWatch()
    let draining = Draining()
    /// Whether administrators call elsewhere than guests.
    let hasAdminListener: Bool
    let audit: AuditLog
    let metrics = BrokerMetrics()
    let clock: BrokerClock
    let revocations: Revocations
    let followed = FollowedGenerations()
    let keyRefresh = KeyRefresh()
    /// Whether other replicas may share the store, and so the sessions: keys of cookies, and claims that policies ask for.
    let sharesSessions: Bool
    /// The name of this broker among those that share a store.
    let replica: String

    /// Opens the stores that `configuration` names and checks that all of them fit the root key.
    ///
    /// - Parameters:
    ///   - configuration: Where things are and who is trusted.
    ///   - appraiser: What judges evidence; nil for the project's verifier with the configured soft roots.
    ///   - policy: What decides on releases for which no administrator set a policy.
    ///   - cookies: What seals sessions; replicas of one store share it.
    ///   - clock: Where the time comes from.
    ///   - acceptingRollback: Whether to go on with a store that is older than its counter says, after a restore.
    ///   - sharesSessions: Whether other replicas may share the store; nil for what the kind of store says.
    public init(
        configuration: BrokerConfiguration, appraiser: (any EvidenceAppraiser)? = nil,
        policy: any ResourcePolicy = RegistrationPolicy(), cookies: CookieKeys = CookieKeys(),
        clock: BrokerClock = .system, acceptingRollback: Bool = false, sharesSessions: Bool? = nil
    ) async throws(BrokerError) {
        let store = try await configuration.openStore(acceptingRollback: acceptingRollback)
        self.store = store
        replica = configuration.replica
        self.sharesSessions = sharesSessions ?? configuration.hasReplicas
        revocations = try await Revocations(store: store)
        self.clock = clock
        hasAdminListener = configuration.adminListener != nil
        self.cookies = cookies
        sessionClaims = SessionClaimsMemory()
        limits = CallLimiter(configuration.limits)
        named = try await NamedReferenceValues(
            store: store, keys: try configuration.referenceSigningKeys(),
            releaseKeys: try configuration.keys(configuration.releaseKeys), clock: clock)
        released = ReleasedMeasurements(named: named, clock: clock)
        tokens = try await TokenAuthority(
            store: store, minutes: configuration.tokenMinutes, algorithm: configuration.tokenAlgorithm,
            keyDays: configuration.tokenKeyDays, issuer: configuration.tokenIssuer,
            overlap: self.sharesSessions ? Self.staleSeconds + SessionCookie.skew : 0, clock: clock)
        foreignTokens = try ForeignTokens(configuration.foreignTokens)
        policies = ResourcePolicies(storage: StoredPolicies(store: store))
        tenants = TenantTable(store: store)
        let turns = FairTurns.evaluations
        self.turns = turns
        decisionMaker = ReleaseDecision(
            store: store, tenants: tenants, released: released, policies: policies, registration: policy, turns: turns,
            clock: clock)
        authority = try await TenantCA(folder: configuration.authorityFolder, store: store, now: clock.now)
        keys = KeyStore(
            store.sealed,
            policy: KeyReleasePolicy(store: store, policies: policies, tenants: tenants, turns: turns, clock: clock),
            now: { clock.seconds })
        authorities = CertificateAuthorities(keys: keys, listAddress: configuration.revocationListAddress)
        gate = try AdminGate(
            keys: configuration.adminKeys, configuration.administrators, watch: files, clock: clock)
        let auditFolder = (configuration.auditLog as NSString).deletingLastPathComponent
        try PrivateFile.checkWriters(auditFolder.isEmpty ? "." : auditFolder, what: "audit log's folder")
        audit = try AuditLog(path: configuration.auditLog, clock: clock)
        files.noteTrust { [audit] text in
            // What is not trusted any more is not, whether that can be written or not.
            try? audit.append(AuditRecord(kind: .audit, allowed: true, check: "trusted-keys", reason: text))
        }
        let stored = try await StoredAttestationPolicies(store: store)
        attestationPolicies = stored
        let judge: any EvidenceAppraiser
        if let appraiser {
            judge = appraiser
            reloadedAppraiser = nil
        } else {
            let references = named.source
            let reloaded = try ReloadedAppraiser(configuration.attestation, watch: files) { () throws(BrokerError) in
                try configuration.attestation.appraiser(
                    softRoots: configuration.softRoots, revocationLists: configuration.revocationLists,
                    fetching: configuration.endorsements, references: references, stored: stored.source, clock: clock)
            }
            judge = reloaded
            reloadedAppraiser = reloaded
        }
        handshake = Handshake(
            cookies: cookies, versions: configuration.protocolVersions, store: store, released: released,
            revocations: revocations, policies: policies, tenants: tenants, tokens: tokens, appraiser: judge,
            clock: clock, sharesSessions: self.sharesSessions)
        // What was issued after the copy that was put back says nothing any more (R13).
        let wasRolledBack = await store.sealed.wasRolledBack
        if self.sharesSessions { try await shareCookieKeys(isNew: wasRolledBack) }
        if wasRolledBack {
            _ = try await tokens.replaceAll()
            try audit.append(
                AuditRecord(
                    kind: .audit, allowed: true, check: "rollback",
                    reason: "a store that was put back was accepted; tokens and sessions of before have ended"))
            // Only now: a broker that was killed before does all of this at its next start.
            do throws(StoreFailure) { try await store.sealed.settleRollback() } catch { throw BrokerError(error) }
        }
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
        switch BrokerRoute.resolve(method: request.method, path: request.path) {
        case .route(let route, let values): return try await answer(route, values, request)
        case .otherMethods(let methods):
            let allowed = methods.joined(separator: ", ")
            var response = BrokerResponse.problem(
                BrokerError(.otherMethod, check: "method", "only \(allowed) can be done with this path"),
                trace: request.trace)
            response.allow = allowed
            return response
        case .unknown: throw Self.unknownPath
        }
    }

    private func answer(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest
    ) async throws(BrokerError) -> BrokerResponse {
        guard !route.isForAdministrators || !hasAdminListener || request.isFromAdminListener else {
            throw Self.otherListener
        }
        switch route {
        case .health: return .empty
        case .readiness: return try await ready()
        case .metrics: return .text(metrics.page(), type: "text/plain; version=0.0.4")
        case .tokenKeys: return .json(tokens.keySet)
        case .standing: return try await publicStanding(values[0])
        case .authority:
            guard let root = TenantCA.Root(rawValue: values[0]) else { throw Self.unknownPath }
            return .text(authority.certificate(root), type: "application/x-pem-file")
        case .openSession: return try openSession(request)
        case .attest:
            return try await metrics.timing(.attest) { () throws(BrokerError) in
                try await requireFresh()
                return try await attest(request)
            }
        case .resource:
            let path = try Self.resourcePath(values)
            return try await metrics.timing(.release) { () throws(BrokerError) in
                try await requireFresh()
                return try await release(request, path)
            }
        case .certificate:
            return try await metrics.timing(.certificate) { () throws(BrokerError) in
                try await requireFresh()
                return try await certificate(request)
            }
        case .useKey:
            try await requireFresh()
            return try await useKey(request, values)
        case .issuingAuthority: return try await issuingAuthority(values)
        case .revocationList: return try await revocationList(values)
        default: return try await administer(route, values, request)
        }
    }

    /// Whether the store answers and is whole, and what would notice that all of it was put back (R14).
    private func ready() async throws(BrokerError) -> BrokerResponse {
        guard !draining.hasBegun else { throw Self.leaving }
        do {
            try await store.sealed.refresh()
        } catch {
            // Whatever the cause, this broker serves nothing until an operator has seen to it; the log names it.
            let known = BrokerError(error)
            throw BrokerError(.unavailable, check: known.check, known.detail, note: known.note)
        }
        let rollback =
            await store.sealed.counterFailure == nil
            ? store.sealed.counterKind.map { "detected-by-\($0)" } ?? "undetected" : "counter-unreachable"
        let outdated = files.refresh()
        return .json([
            "ready": true, "rollback": .string(rollback), "store": .string(store.sealed.backendKind),
            "audit": .string(audit.hasRoom ? "recording" : "files-pile-up"),
            "files": .string(outdated.isEmpty ? "current" : "unreadable: " + outdated.joined(separator: ", ")),
        ])
    }

    /// Tells anybody who knows a digest whether guests with it would be served, and nothing more.
    private func publicStanding(_ digest: String) async throws(BrokerError) -> BrokerResponse {
        guard (try? SHA256Digest(hex: digest)) != nil else { throw Self.unknownPath }
        let found = try await store.registration(digest)
        let active = found.map { $0.refusal(now: clock.seconds) == nil } ?? false
        return .json(["registered": .bool(active)])
    }

    static func resourcePath(_ segments: some Collection<String>) throws(BrokerError) -> ResourcePath {
        guard let path = try? ResourcePath(parsing: segments.joined(separator: "/")) else { throw unknownPath }
        return path
    }

    static let unknownPath = BrokerError(.notFound, check: "path", "there is nothing under this path")
}
