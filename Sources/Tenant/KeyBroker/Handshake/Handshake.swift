import Crypto
import Envelope
import Evidence
import PodManifest
import Verifier
import WireFormat

/// The RCAR handshake of the KBS protocol: request, challenge, attestation, response.
///
/// Between its calls nothing is kept but the consumed nonce: the session is in the guest's cookie.
struct Handshake: Sendable {
    let cookies: CookieKeys
    let versions: Set<ProtocolVersion>
    let store: BrokerStore
    let released: ReleasedMeasurements
    let revocations: Revocations
    let policies: ResourcePolicies
    let tenants: TenantTable
    let tokens: TokenAuthority
    let appraiser: any EvidenceAppraiser
    let clock: BrokerClock
    /// Whether other replicas may be asked about sessions that began here.
    let sharesSessions: Bool

    /// What `/attest` learned, as far as it came; the audit line is made from it in either case.
    struct Outcome: Sendable {
        var manifest = ""
        var measurement = ""
        var simulated: Bool?
        var technology = ""
        /// The namespace of the manifest's registration; nil before it is known.
        var namespace: String?
        /// SHA-256 of the challenge, empty before it is known.
        var nonce = ""
    }

    /// What an accepted `/attest` gives.
    struct Accepted: Sendable {
        /// The token for the guest. One that nobody registered may have one that is good nowhere, see ``TokenAuthority``.
        var token: String
        /// What the token says.
        var claims: KeptClaims?
        /// The cookie that stands for the attested session.
        var cookie: String
        /// When the session ends, in seconds since 1970.
        var expires: Int64
        /// The guest.
        var guest: AttestedGuest
    }

    /// Answers `/auth`: a fresh session with a fresh nonce, all of it in the cookie.
    func challenge(_ body: [UInt8]) throws(BrokerError) -> (cookie: String, reply: JSONValue) {
        let request = try Self.parse("auth") { () throws(WireError) in try ChallengeRequest(body) }
        let version = try request.version(among: versions)
        try request.checkTechnology(among: appraiser.technologies)
        try request.checkHashes()
        let session = SessionCookie.Challenged(
            technology: request.technology, nonce: Base64.encode(SecretBytes(random: 32).copyBytes()),
            issued: clock.seconds, version: version)
        return (
            try SessionCookie.challenged(session).sealed(cookies),
            .object(["nonce": .string(session.nonce), "extra-params": ""])
        )
    }

    /// Answers `/attest`: appraises the evidence, consumes the nonce and hands out the token, in this order (R13).
    func attest(
        cookie: String?, body: [UInt8], outcome: inout Outcome
    ) async throws(BrokerError) -> Accepted {
        let session = try challengedSession(cookie)
        outcome.technology = session.technology
        outcome.nonce = BrokerStore.mark(session.nonce)
        let message = try Self.parse("attestation") { () throws(WireError) in
            try AttestationMessage(body, version: session.version)
        }
        guard message.nonce == nil || message.nonce == session.nonce else {
            throw BrokerError(.attestation, check: "nonce", "the nonce is not the one of this session")
        }
        let document = message.initData.map { Array($0.utf8) }
        let initData = document.flatMap { try? InitDataDocument(parsing: $0) }
        let digest = document.map { Array(SHA256.hash(data: $0)) }
        outcome.manifest = digest.map { Hex.encode($0) } ?? ""
        let bound = try BoundClaims(
            additionalEvidence: message.additionalEvidence ?? "", initDataDigest: outcome.manifest)
        let manifest = document.flatMap { (try? InitData(parsing: $0))?.manifest }
        let wantsDebug = manifest?.debug ?? false
        let distrusted = revocations.snapshot.distrust
        let evidence = try await appraise(message, session, initData?.digest ?? digest, initData, manifest)
        outcome.measurement = evidence.measurement
        outcome.simulated = evidence.simulated
        guard wantsDebug || !evidence.debug else {
            throw BrokerError(.policyDenied, check: "debug-guest", "the manifest did not ask for a debug guest")
        }
        do throws(AppraisalFailure) {
            try evidence.require(manifest?.protections ?? [])
        } catch {
            throw BrokerError(.policyDenied, check: error.check, error.reason)
        }
        let guest = AttestedGuest(
            evidence: evidence, bound: bound, debug: evidence.debug || wantsDebug,
            encryptionKey: message.teePublicKey)
        try revocations.check(guest)
        // Appraisal may have waited for a vendor while hardware was revoked.
        guard revocations.snapshot.distrust == distrusted else {
            throw BrokerError(.attestation, check: "revocation", "hardware was revoked meanwhile; attest again")
        }
        let reach = try await checkStanding(guest, manifest, &outcome)
        // What the token says is kept in the transaction that consumes the nonce; nobody has the token before that.
        let token = try await tokens.issue(guest: guest, submodule: evidence.submodule, reach)
        let claims = KeptClaims(token: token)
        try await store.consume(
            nonce: session.nonce, issued: session.issued, guest: guest,
            claims: try await mayBeAsked() ? claims : nil, now: clock.seconds)
        return try accepted(token, claims, guest, session)
    }

    /// Whether another replica may need the claims of a session: only policies in Rego ask for them.
    private func mayBeAsked() async throws(BrokerError) -> Bool {
        guard sharesSessions else { return false }
        return try await !policies.all().isEmpty
    }

    private func challengedSession(_ cookie: String?) throws(BrokerError) -> SessionCookie.Challenged {
        switch cookie.flatMap({ SessionCookie(opening: $0, cookies, now: clock.seconds) }) {
        case .challenged(let session): return session
        case .attested:
            throw BrokerError(
                .attestation, check: "session", "the session's nonce was used; start a new session")
        case nil:
            throw BrokerError(.attestation, check: "session", "the session is unknown or has expired")
        }
    }

    private func accepted(
        _ token: String, _ claims: KeptClaims?, _ guest: AttestedGuest, _ session: SessionCookie.Challenged
    ) throws(BrokerError) -> Accepted {
        let kept = SessionCookie.attested(
            SessionCookie.Attested(
                issued: session.issued, tokenHash: claims?.tokenHash ?? Array(SHA256.hash(data: Array(token.utf8))),
                guest: try guest.withPlainKey()))
        return Accepted(
            token: token, claims: claims, cookie: try kept.sealed(cookies),
            expires: session.issued + SessionCookie.lifetime, guest: guest)
    }

    private func appraise(
        _ message: AttestationMessage, _ session: SessionCookie.Challenged, _ digest: [UInt8]?,
        _ initData: InitDataDocument?, _ manifest: PodManifest?
    ) async throws(BrokerError) -> AppraisedEvidence {
        let bundle = EvidenceBundle(
            technology: session.technology, primaryEvidence: message.primaryEvidence,
            reportData: ReportBinding.rcar(
                teePublicKey: message.teePublicKey, nonce: session.nonce,
                additionalEvidence: message.additionalEvidence),
            hostData: digest, initData: initData, allowsDebugGuest: manifest?.debug ?? false,
            guestVersion: manifest?.guestVersion,
            runtimeDataClaims: message.runtimeData(nonce: session.nonce), references: released.values,
            distrust: revocations.snapshot.distrust)
        do {
            return try await appraiser.appraise(bundle)
        } catch {
            throw BrokerError(.attestation, check: error.check, error.reason, note: error.note)
        }
    }

    /// A token exists only for a registered, active manifest on a measurement of the version that it names, unless some
    /// resource policy serves guests that nobody registered.
    ///
    /// Where only tenants' policies do, such a guest gets a session here and nothing to show elsewhere: what a tenant says of
    /// its own resources must not make tokens of this broker for anybody's guests.
    private func checkStanding(
        _ guest: AttestedGuest, _ manifest: PodManifest?, _ outcome: inout Outcome
    ) async throws(BrokerError) -> TokenAuthority.Reach {
        let registration = try await store.registration(guest.manifest)
        outcome.namespace = registration?.namespace
        if registration == nil {
            let open = try await policies.openPrefixes()
            if !open.isEmpty {
                if let refusal = GuestStanding.refusal(unregistered: guest) {
                    throw BrokerError(.policyDenied, check: refusal.check, refusal.reason)
                }
                for prefix in open where try await tenants.owner(ofPrefix: prefix) == nil { return .everywhere }
                return .session
            }
        }
        if let refusal = GuestStanding.refusal(
            guest, registration: registration, reference: released.match(guest, for: registration),
            now: clock.seconds)
        {
            throw BrokerError(.policyDenied, check: refusal.check, refusal.reason)
        }
        // The registration is what an administrator typed, the manifest is what was measured: both have to agree.
        guard let manifest, let registration, manifest.guestVersion != registration.guestVersion else {
            return .everywhere
        }
        throw BrokerError(
            .policyDenied, check: "guest-version",
            "the manifest names guest \(manifest.guestVersion), its registration guest \(registration.guestVersion)")
    }

    static func parse<R>(_ what: String, _ body: () throws(WireError) -> R) throws(BrokerError) -> R {
        do {
            return try body()
        } catch {
            throw BrokerError(.malformed, check: "\(what)-body", "\(error.field): \(error.reason)")
        }
    }
}
