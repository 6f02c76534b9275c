import Envelope
import Evidence
import Testing
import WireFormat

@testable import KeyBroker

/// The broker remembers which log seal belongs to which attested guest (rule R22).
@Suite("Log keys")
struct LogKeyTests {
    private let logKey = String(repeating: "5e", count: 32)

    /// An attestation whose evidence names a log key.
    private func attest(_ bench: BrokerBench, _ guest: FakeGuest, logKey: String) async throws -> BrokerResponse {
        let (cookie, nonce) = try await bench.challenge(guest.technology)
        guard case .object(var outer) = try JSONValue.parse(text: guest.additional),
            case .object(var inner)? = outer["testudo"], case .object(var body) = guest.attestation(nonce),
            case .object(var evidence)? = body["tee-evidence"],
            case .object(var primary)? = evidence["primary_evidence"]
        else { throw WireError(field: "attestation", reason: "not what the bench makes") }
        inner["logKey"] = .string(logKey)
        outer["testudo"] = .object(inner)
        let additional = JSONValue.object(outer).canonicalText
        let report = ReportBinding.rcar(
            teePublicKey: guest.publicKey, nonce: nonce, additionalEvidence: additional)
        primary["report"] = .string(Hex.encode(report))
        evidence["primary_evidence"] = .object(primary)
        evidence["additional_evidence"] = .string(additional)
        body["tee-evidence"] = .object(evidence)
        return await bench.send(
            "POST", "kbs/v0/attest", body: JSONValue.object(body).canonicalBytes, cookie: cookie)
    }

    private func listed(_ bench: BrokerBench, _ service: String, token: String?) async throws -> BrokerResponse {
        var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "testudo", "log-keys"])
        request.query = ["service": service]
        request.authorization = token.map { "Bearer \($0)" }
        return await bench.broker.respond(to: request)
    }

    @Test func `accepted evidence is recorded with its log key, for the administrator and for its Service`()
        async throws
    {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        #expect(try await attest(bench, guest, logKey: logKey).status == 200)
        let token = try bench.adminToken()
        let found = try JSONValue.parse(try await listed(bench, "default/hello", token: token).body).arrayValue
        #expect(found?.count == 1)
        #expect(found?.first?["instance"]?.stringValue == guest.instance)
        #expect(found?.first?["manifest"]?.stringValue == guest.digest)
        #expect(found?.first?["logKey"]?.stringValue == logKey)
        #expect(try await listed(bench, "default/other", token: token).body == Array("[]".utf8))
        #expect(try await listed(bench, "default/hello", token: nil).status == 401)
    }

    @Test func `an instance has one log key`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        #expect(try await attest(bench, guest, logKey: logKey).status == 200)
        #expect(try await attest(bench, guest, logKey: logKey).status == 200)
        let second = try await attest(bench, guest, logKey: String(repeating: "6f", count: 32))
        try expectRefusal(second, 403, "PolicyDeny")
    }

    @Test func `evidence that is refused vouches for no log key`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        try await bench.prepare(guest)
        guest.measurement = String(repeating: "cd", count: 48)
        #expect(try await attest(bench, guest, logKey: logKey).status != 200)
        let token = try bench.adminToken()
        #expect(try await listed(bench, "default/hello", token: token).body == Array("[]".utf8))
    }

    @Test func `a log key is a digest in lower case`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        for bad in ["5e", String(repeating: "5E", count: 32), String(repeating: "xx", count: 32)] {
            #expect(try await attest(bench, guest, logKey: bad).status == 400)
        }
    }
}
