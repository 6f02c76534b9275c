import Envelope
import Foundation
import Verifier
import WireFormat

/// An administrator's calls about resource policies.
extension KeyBroker {
    /// Answers a call whose credentials were checked.
    func administerPolicies(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest
    ) async throws(BrokerError) -> BrokerResponse {
        switch route {
        case .setGlobalPolicy: return try await setPolicy(PathPolicy.globalName, request.body)
        case .listPolicyNames: return .json(.array(try await policies.all().map { .string($0.id) }))
        case .listPolicies: return .json(.array(try await policies.all().map { Self.listed($0) }))
        case .putPolicy: return try await setPolicy(values[0], request.body)
        case .policy:
            guard let found = try await policies.all().first(where: { $0.id == values[0] }) else { throw Self.noPolicy }
            return .text(found.policy.source, type: "text/plain; charset=utf-8")
        case .deletePolicy:
            guard try await policies.remove(values[0]) else { throw Self.noPolicy }
            return .empty
        case .explain: return try await explain(request.body)
        default: throw Self.unknownPath
        }
    }

    func setPolicy(
        _ id: String, _ body: [UInt8], for tenant: Tenant? = nil
    ) async throws(BrokerError) -> BrokerResponse {
        let policy = try await makings.run(owner: tenant?.name ?? "", caller: "policies") {
            () throws(BrokerError) in
            do throws(WireError) {
                return try PathPolicy(id: id, request: body)
            } catch {
                throw BrokerError(.policyUnusable, check: "policy", "\(error.field): \(error.reason)")
            }
        }
        try await policies.set(policy, for: tenant)
        return .empty
    }

    static func listed(_ policy: PathPolicy) -> JSONValue {
        [
            "id": .string(policy.id), "prefix": .string(policy.prefix.joined(separator: "/")),
            "registration": .string(policy.standing.rawValue), "sha384": .string(policy.digest),
        ]
    }

    static let noPolicy = BrokerError(.notFound, check: "policy", "there is no policy of this name")

    /// Would this token get this resource, and why not? Nothing is released and nothing changes.
    ///
    /// - Parameter tenant: The tenant whose administrator asks: what another one's policy tried is not his to know.
    func explain(_ body: [UInt8], for tenant: Tenant? = nil) async throws(BrokerError) -> BrokerResponse {
        let asked = try Handshake.parse("explain") { () throws(WireError) in try Explanation(body) }
        var decisions: [PolicyDecision] = []
        var guest: AttestedGuest?
        var claims = asked.claims
        if let token = asked.token {
            do throws(BrokerError) {
                let bearer = try await bearer(ofToken: token)
                (guest, claims) = (bearer.guest, bearer.claims)
                decisions.append(.allow("token", "the token holds"))
            } catch {
                decisions.append(.deny(error.check, error.auditedReason))
                return Self.explained(decisions)
            }
        } else {
            let key = (try? KeyPlaces())?.key(in: claims) ?? .null
            guest = claims["testudo"].flatMap { try? AttestedGuest(claims: $0, encryptionKey: key) }
            decisions.append(.allow("claims", "taken as they are, no signature was checked"))
            if let guest, let revoked = revocation(of: guest) { decisions.append(revoked) }
        }
        let known = claims
        decisions += try await decisionMaker.decide(asked.question, guest: guest) { () throws(BrokerError) in known }
        if decisions.allSatisfy(\.allowed), let missing = try await missing(asked.question) {
            decisions.append(missing)
        }
        guard let policy = try await policies.policy(for: asked.question.segments) else {
            return Self.explained(decisions)
        }
        guard tenant?.owns(prefix: policy.prefix) ?? true else {
            let check = ReleaseDecision.policyCheck + policy.id
            return Self.explained(
                decisions.map { decision in
                    guard decision.check == check, !decision.allowed else { return decision }
                    return .deny(check, "the policy, which is the broker's own, does not allow it")
                })
        }
        let owner = try await tenants.owner(ofPrefix: policy.prefix)?.name ?? ""
        let trace = try await turns.run(owner: owner, caller: "explain") { () throws(BrokerError) in
            try? policy.policy.explain(claims: known, data: asked.question.data)
        }
        return Self.explained(decisions, trace: trace)
    }

    /// What a session or token of this guest would be refused for; nil when nothing of it was revoked.
    private func revocation(of guest: AttestedGuest) -> PolicyDecision? {
        do throws(BrokerError) {
            try revocations.check(guest)
            return nil
        } catch {
            return .deny(error.check, error.detail)
        }
    }

    /// Why a guest gets nothing though it may: there is no such resource or version, or it has expired.
    private func missing(_ question: ReleaseQuestion) async throws(BrokerError) -> PolicyDecision? {
        let wanted = try Self.version(question.query)
        let versions = try await store.storedResource(question.path)?.versions ?? []
        guard !versions.isEmpty else { return .deny("resource", "the resource does not exist") }
        guard let found = wanted.map({ number in versions.first { $0.number == number } }) ?? versions.last else {
            return .deny("resource", "the resource has no version \(wanted ?? 0)")
        }
        guard let expires = found.expires, expires <= clock.seconds else { return nil }
        let time = Timestamp.text(Date(timeIntervalSince1970: TimeInterval(expires)))
        return .deny("resource", "version \(found.number) of the resource expired at \(time)")
    }

    private static func explained(_ decisions: [PolicyDecision], trace: String? = nil) -> BrokerResponse {
        .json([
            "allowed": .bool(decisions.allSatisfy(\.allowed)),
            "decisions": .array(
                decisions.map {
                    ["check": .string($0.check), "allowed": .bool($0.allowed), "reason": .string($0.reason)]
                }),
            "policy": trace.map { .string(ShownText.cutLines($0, bytes: 64 << 10)) } ?? .null,
        ])
    }
}

/// The body of a call to `explain`.
private struct Explanation {
    let token: String?
    let claims: JSONValue
    let question: ReleaseQuestion

    init(_ body: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(body), path: "")
        token = try fields.optionalString("token")
        let claims = fields.optionalValue("claims")
        guard (token == nil) != (claims == nil) else {
            throw fields.refusal("token", "either token or claims must be there")
        }
        self.claims = claims ?? .null
        var query: [String: String] = [:]
        for (name, value) in fields.optionalValue("query")?.objectValue ?? [:] {
            guard let text = value.stringValue else { throw fields.refusal("query", "must hold texts") }
            query[name] = text
        }
        question = ReleaseQuestion(
            plugin: try fields.optionalString("plugin") ?? "resource",
            path: try ResourcePath(parsing: try fields.string("resource")), query: query)
        try fields.finish()
    }
}
