import Crypto
import Envelope
import Evidence
import PodManifest
import WireFormat

/// The RCAR handshake of KBS protocol 0.4.0: request, challenge, attestation, response.
struct Handshake: Sendable {
    let sessions: SessionTable
    let store: BrokerStore
    let released: ReleasedMeasurements
    let tokens: TokenAuthority
    let appraiser: any EvidenceAppraiser
    let clock: BrokerClock

    /// What `/attest` learned, as far as it came; the audit line is made from it in either case.
    struct Outcome: Sendable {
        var manifest = ""
        var measurement = ""
        var simulated: Bool?
        var technology = ""
    }

    /// Answers `/auth`: a fresh session with a fresh nonce.
    func challenge(_ body: [UInt8]) throws(BrokerError) -> (cookie: String, reply: JSONValue) {
        let (version, technology) = try Self.parse("auth") { () throws(WireError) in
            var fields = try JSONFields(try JSONValue.parse(body), path: "request")
            let version = try fields.string("version")
            let technology = try fields.string("tee")
            _ = fields.optionalValue("extra-params")
            try fields.finish()
            return (version, technology)
        }
        guard version == "0.4.0" else {
            let shown = ShownText.cut(version, bytes: 32)
            throw BrokerError(
                .malformed, check: "protocol-version",
                "KBS Client Protocol Version Mismatch: expect =0.4.0 while the request is \(shown)")
        }
        guard appraiser.technologies.contains(technology) else {
            throw BrokerError(.malformed, check: "technology", "evidence of this TEE is not understood")
        }
        let (cookie, session) = try sessions.open(technology: technology)
        return (cookie, .object(["nonce": .string(session.nonce), "extra-params": ""]))
    }

    /// Answers `/attest`: appraises the evidence, consumes the nonce and issues the token, in this order (R13).
    func attest(
        cookie: String?, body: [UInt8], outcome: inout Outcome
    ) async throws(BrokerError) -> (token: String, guest: AttestedGuest) {
        guard let cookie, let session = sessions.session(cookie) else {
            throw BrokerError(.attestation, check: "session", "the session is unknown or has expired")
        }
        if case .ended = session.stage {
            throw BrokerError(
                .attestation, check: "session",
                "the session ended after \(SessionTable.refusalLimit) refused tries; start a new session")
        }
        outcome.technology = session.technology
        guard case .challenged = session.stage else {
            throw BrokerError(.attestation, check: "session", "the session's nonce was used; start a new session")
        }
        let message = try Self.parse("attestation") { () throws(WireError) in try AttestationMessage(body) }
        guard message.nonce == session.nonce else {
            throw BrokerError(.attestation, check: "nonce", "the nonce is not the one of this session")
        }
        let digest = Array(SHA256.hash(data: Array(message.initData.utf8)))
        outcome.manifest = Hex.encode(digest)
        let bound = try BoundClaims(
            additionalEvidence: message.additionalEvidence, initDataDigest: outcome.manifest)
        let manifest = (try? InitData(parsing: Array(message.initData.utf8)))?.manifest
        let wantsDebug = manifest?.debug ?? false
        let evidence = try await appraise(message, session, digest, manifest)
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
        try await checkStanding(guest, manifest)
        try await store.consume(
            nonce: session.nonce, issued: session.expires - SessionTable.lifetime, guest: guest, now: clock.seconds)
        return (try await tokens.issue(guest: guest, submodule: evidence.submodule), guest)
    }

    private func appraise(
        _ message: AttestationMessage, _ session: SessionTable.Session, _ digest: [UInt8], _ manifest: PodManifest?
    ) async throws(BrokerError) -> AppraisedEvidence {
        let bundle = EvidenceBundle(
            technology: session.technology, primaryEvidence: message.primaryEvidence,
            reportData: ReportBinding.rcar(
                teePublicKey: message.teePublicKey, nonce: message.nonce,
                additionalEvidence: message.additionalEvidence),
            hostData: digest, allowsDebugGuest: manifest?.debug ?? false, guestVersion: manifest?.guestVersion,
            runtimeDataClaims: .object([
                "tee-pubkey": message.teePublicKey, "nonce": .string(message.nonce),
                "additional-evidence": .string(message.additionalEvidence),
            ]),
            references: released.values)
        do {
            return try await appraiser.appraise(bundle)
        } catch {
            throw BrokerError(.attestation, check: error.check, error.reason, note: error.note)
        }
    }

    /// A token exists only for a registered, active manifest on a measurement of the version that it names.
    private func checkStanding(_ guest: AttestedGuest, _ manifest: PodManifest?) async throws(BrokerError) {
        let registration = try await store.registration(guest.manifest)
        if let refusal = GuestStanding.refusal(
            guest, registration: registration, reference: released.match(guest, for: registration),
            now: clock.seconds)
        {
            throw BrokerError(.policyDenied, check: refusal.check, refusal.reason)
        }
        // The registration is what an administrator typed, the manifest is what was measured: both have to agree.
        guard let manifest, let registration, manifest.guestVersion != registration.guestVersion else { return }
        throw BrokerError(
            .policyDenied, check: "guest-version",
            "the manifest names guest \(manifest.guestVersion), its registration guest \(registration.guestVersion)")
    }

    private static func parse<R>(_ what: String, _ body: () throws(WireError) -> R) throws(BrokerError) -> R {
        do {
            return try body()
        } catch {
            throw BrokerError(.malformed, check: "\(what)-body", "\(error.field): \(error.reason)")
        }
    }
}

/// The body of `/attest`, parsed whole; nothing in it is trusted yet.
struct AttestationMessage: Sendable {
    let initData: String
    let nonce: String
    let teePublicKey: JSONValue
    let primaryEvidence: JSONValue
    let additionalEvidence: String

    init(_ body: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(body), path: "")
        var document = try fields.fields("init-data")
        guard try document.string("format") == "toml" else { throw document.refusal("format", "must be toml") }
        initData = try document.string("body")
        try document.finish()
        var runtime = try fields.fields("runtime-data")
        nonce = try runtime.string("nonce")
        teePublicKey = try runtime.value("tee-pubkey")
        _ = try JSONWebKey(parsing: teePublicKey)
        try runtime.finish()
        var evidence = try fields.fields("tee-evidence")
        primaryEvidence = try evidence.value("primary_evidence")
        additionalEvidence = try evidence.optionalString("additional_evidence") ?? ""
        try evidence.finish()
        try fields.finish()
    }
}
