import Crypto
import Envelope
import Foundation
import WireFormat

extension KeyBroker {
    func openSession(_ request: BrokerRequest) throws(BrokerError) -> BrokerResponse {
        metrics.count(.authRequests)
        do throws(BrokerError) {
            try limits.admitAuth(request.address)
            let (cookie, reply) = try handshake.challenge(request.body)
            var response = BrokerResponse.json(reply)
            response.cookie = Self.setCookie(cookie, life: SessionCookie.lifetime)
            metrics.count(.authSuccesses)
            return response
        } catch {
            metrics.count(error.kind == .tooMany ? .limitedCalls : .authErrors)
            throw error
        }
    }

    func attest(_ request: BrokerRequest) async throws(BrokerError) -> BrokerResponse {
        metrics.count(.attestationRequests)
        var outcome = Handshake.Outcome()
        do throws(BrokerError) {
            try limits.admitAttest(request.address)
            try await learnKey(ofCookie: request.sessionCookie)
            let accepted = try await handshake.attest(
                cookie: request.sessionCookie, body: request.body, outcome: &outcome)
            try await remember(accepted)
            var record = outcome.record(
                request, allowed: true, check: "attestation", reason: "the evidence was accepted")
            record.tenant = await tenants.label(namespace: outcome.namespace)
            record.guest = AuditedGuest(accepted.guest, isRegistered: outcome.namespace != nil)
            try audit.append(record)
            metrics.count(.attestationSuccesses)
            var response = BrokerResponse.json(["token": .string(accepted.token)])
            response.cookie = Self.setCookie(accepted.cookie, life: max(0, accepted.expires - clock.seconds))
            return response
        } catch {
            metrics.count(error.status >= 500 ? .attestationErrors : .attestationFailures)
            if error.kind == .tooMany { metrics.count(.limitedCalls) }
            var record = outcome.record(request, allowed: false, check: error.check, reason: error.auditedReason)
            record.tenant = await tenants.label(namespace: outcome.namespace)
            if await mayHaveLine(outcome), limits.mayHaveLine(request.address) {
                // Which guest it is is not known in each case.
                record.guest = AuditedGuest(group: outcome.manifest, name: "refused")
                try audit.append(record)
            } else {
                try audit.appendRefusal(ofStranger: record)
            }
            throw error
        }
    }

    func release(_ request: BrokerRequest, _ path: ResourcePath) async throws(BrokerError) -> BrokerResponse {
        metrics.count(.resourceReads)
        var record = AuditRecord(kind: .release, allowed: false, check: "", reason: "")
        record.trace = request.trace
        record.resource = path.description
        record.tenant = await tenants.label(path)
        do throws(BrokerError) {
            let bearer = try await bearer(request)
            record.describe(bearer)
            try await checkPolicy(bearer, ReleaseQuestion(path: path, query: request.query), &record)
            guard
                let secret = try await store.resource(
                    path, version: try Self.version(request.query), now: clock.seconds)
            else {
                throw BrokerError(.notFound, check: "resource", "the resource does not exist")
            }
            let sealed = try Self.seal(secret, to: bearer.encryptionKey)
            record.conclude("release", "sealed to the guest's key", allowed: true)
            try audit.append(record)
            return .json(sealed)
        } catch {
            try refuse(&record, error)
            throw error
        }
    }

    func certificate(_ request: BrokerRequest) async throws(BrokerError) -> BrokerResponse {
        var record = AuditRecord(kind: .certificate, allowed: false, check: "", reason: "")
        record.trace = request.trace
        do throws(BrokerError) {
            let bearer = try await bearer(request)
            record.describe(bearer)
            guard let guest = bearer.guest else {
                throw BrokerError(
                    .policyDenied, check: "foreign-token", "certificates are for guests that this broker appraised")
            }
            let registration = try await store.registration(guest.manifest)
            record.tenant = await tenants.label(namespace: registration?.namespace)
            let refusal = GuestStanding.refusal(
                guest, registration: registration, reference: released.match(guest, for: registration),
                now: clock.seconds)
            if let refusal { throw BrokerError(.policyDenied, check: refusal.check, refusal.reason) }
            guard let registration else { throw KeyBroker.unknownPath }
            let issued = try await issue(
                try Self.certificateRequest(request.body), guest: guest, registration: registration)
            record.resource = issued.names.joined(separator: " ")
            record.conclude("certificate", "issued by \(issued.issuer)", allowed: true)
            try audit.append(record)
            metrics.count(.certificates)
            return .json(["certificate": .string(issued.pem), "notAfter": .integer(issued.notAfter)])
        } catch {
            try refuse(&record, error)
            throw error
        }
    }

    private func checkPolicy(
        _ bearer: Bearer, _ question: ReleaseQuestion, _ record: inout AuditRecord
    ) async throws(BrokerError) {
        metrics.count(.policyEvaluations)
        let decisions = try await decisionMaker.decide(question, guest: bearer.guest) { () throws(BrokerError) in
            try await claims(of: bearer)
        }
        if decisions.contains(where: { $0.check == ReleaseDecision.unregistered }) { record.guest?.group = "" }
        let refusal = decisions.first { !$0.allowed }
        metrics.count(refusal == nil ? .policyApprovals : .policyViolations)
        guard let refusal else { return }
        // What a tenant's policy said is the tenant's to know.
        let isPolicy = refusal.check.hasPrefix(ReleaseDecision.policyCheck)
        throw BrokerError(
            .policyDenied, check: refusal.check, isPolicy ? "Access denied by policy" : refusal.reason,
            note: isPolicy ? refusal.reason : "")
    }

    /// Whether a refused `/attest` has a line in any case: the evidence held and its manifest is in force.
    ///
    /// Anybody else is a stranger: before evidence was accepted anybody may be speaking, anybody can start a published
    /// guest with a manifest of his own, and who owns a soft root makes simulated evidence for any manifest.
    private func mayHaveLine(_ outcome: Handshake.Outcome) async -> Bool {
        guard let simulated = outcome.simulated, let found = try? await store.registration(outcome.manifest),
            found.refusal(now: clock.seconds) == nil
        else { return false }
        return found.allowsSimulated || !simulated
    }

    /// Records why a guest got nothing; without a session or token of ours it is a stranger.
    func refuse(_ record: inout AuditRecord, _ error: BrokerError) throws(BrokerError) {
        let isStranger = record.manifest.isEmpty
        if error.check == GuestStanding.unregistered { record.guest?.group = "" }
        record.conclude(error.check, error.auditedReason, allowed: false)
        if isStranger {
            try audit.appendRefusal(ofStranger: record)
        } else {
            try audit.append(record)
        }
    }

    static func seal(_ secret: SecretBytes, to encryptionKey: JSONValue) throws(BrokerError) -> JSONValue {
        do {
            let key = try JSONWebKey(parsing: encryptionKey)
            // The version of the guest's session decided which names its key may have.
            return key.isLegacyRecipient
                ? try JWE.encryptLegacy(secret.copyBytes(), to: key) : try JWE.encrypt(secret.copyBytes(), to: key)
        } catch {
            throw BrokerError(.sealing, check: "jwe", "the resource cannot be encrypted to the guest's key")
        }
    }

    private static func certificateRequest(_ body: [UInt8]) throws(BrokerError) -> [UInt8] {
        do {
            var fields = try JSONFields(try JSONValue.parse(body), path: "certificate request")
            let request = try Base64.decode(try fields.string("csr"), field: "csr")
            try fields.finish()
            return request
        } catch {
            throw BrokerError(.malformed, check: "csr", "\(error.field): \(error.reason)")
        }
    }

    private static func setCookie(_ value: String, life: Int64) -> String {
        "\(BrokerRequest.cookieName)=\(value); Max-Age=\(life); Path=/kbs/v0; HttpOnly; Secure; "
            + "SameSite=Strict"
    }
}

extension Handshake.Outcome {
    fileprivate func record(
        _ request: BrokerRequest, allowed: Bool, check: String, reason: String
    ) -> AuditRecord {
        var record = AuditRecord(kind: .attest, allowed: allowed, check: check, reason: reason)
        record.trace = request.trace
        record.manifest = manifest
        record.measurement = measurement
        record.simulated = simulated
        record.nonce = nonce
        return record
    }
}

extension AuditRecord {
    mutating func describe(_ bearer: Bearer) {
        // A token of another service is known by who issued it.
        guard let guest = bearer.guest else {
            subject = bearer.issuer
            self.guest = AuditedGuest(group: bearer.issuer, name: AuditedGuest.name(bearer.encryptionKey))
            return
        }
        self.guest = AuditedGuest(guest, isRegistered: true)
        manifest = guest.manifest
        measurement = guest.measurement
        simulated = guest.simulated
    }

    mutating func conclude(_ check: String, _ reason: String, allowed: Bool) {
        self.check = check
        self.reason = reason
        self.allowed = allowed
    }
}

extension AuditedGuest {
    /// A guest that this broker appraised: one boot of it, or one key where it does not tell boots apart.
    init(_ guest: AttestedGuest, isRegistered: Bool) {
        self.init(
            group: isRegistered ? guest.manifest : "",
            name: guest.instance.isEmpty ? Self.name(guest.encryptionKey) : guest.instance)
    }

    static func name(_ key: JSONValue) -> String { Hex.encode(SHA256.hash(data: key.canonicalBytes)) }
}
