import Testing
import WireFormat

@testable import KeyBroker

@Suite("Genuine guests that are refused")
struct StandingFloodTests {
    private func attest(
        _ bench: BrokerBench, _ guest: FakeGuest, _ session: (cookie: String, nonce: String)
    ) async -> BrokerResponse {
        let body = guest.attestation(session.nonce).canonicalBytes
        return await bench.send("POST", "kbs/v0/attest", body: body, cookie: session.cookie)
    }

    private func lines(_ bench: BrokerBench, _ check: String) async throws -> Int {
        try await bench.audit().filter { $0["kind"] == "attest" && $0["check"]?.stringValue == check }.count
    }

    @Test func `genuine guests of manifests that are not in force are counted as strangers`() async throws {
        let bench = try await BrokerBench(maxSessions: 10_000)
        var guest = FakeGuest()
        for _ in 0..<200 { #expect(await attest(bench, guest, try await bench.challenge()).status == 403) }
        #expect(try await lines(bench, "manifest-unregistered") <= RefusalBudget.burst)
        bench.time.advance(RefusalBudget.period * 10)
        try await bench.prepare(guest)
        try await bench.administer("DELETE", "testudo/manifests/\(guest.digest)")
        for _ in 0..<200 { #expect(await attest(bench, guest, try await bench.challenge()).status == 403) }
        #expect(try await lines(bench, "manifest-retired") <= RefusalBudget.burst)
        // Who owns a soft root makes as much evidence as he likes, for the tenant's manifest too.
        bench.time.advance(RefusalBudget.period * 10)
        try await bench.prepare(guest)
        guest.technology = "soft-snp"
        for _ in 0..<200 { #expect(await attest(bench, guest, try await bench.challenge("soft-snp")).status == 403) }
        #expect(try await lines(bench, "simulated") <= RefusalBudget.burst)
        // A guest of a manifest in force has its line all the same.
        guest.technology = "snp"
        guest.measurement = String(repeating: "cd", count: 48)
        #expect(await attest(bench, guest, try await bench.challenge()).status == 403)
        #expect(try await lines(bench, "reference-value") == 1)
    }

    @Test func `a refused guest's message is good for a few tries, then its session ends`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        try await bench.prepare(guest)
        guest.measurement = String(repeating: "cd", count: 48)
        let session = try await bench.challenge()
        for _ in 0..<SessionTable.refusalLimit {
            try expectRefusal(await attest(bench, guest, session), 403, "PolicyDeny")
        }
        for _ in 0..<200 {
            let response = await attest(bench, guest, session)
            try expectRefusal(response, 401, "AttestationError")
            let detail = try JSONValue.parse(response.body)["detail"]?.stringValue
            #expect(detail?.contains("\(SessionTable.refusalLimit) refused") == true)
        }
        #expect(try await lines(bench, "reference-value") == SessionTable.refusalLimit)
        #expect(try await lines(bench, "session") <= RefusalBudget.burst)
        // Nor does the session serve anybody else; a new one does.
        guest.measurement = BrokerBench.measurement
        try expectRefusal(await attest(bench, guest, session), 401, "AttestationError")
        #expect(await attest(bench, guest, try await bench.challenge()).status == 200)
    }

    @Test func `tries with other messages count once a guest was refused, all at once too`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        let session = try await bench.challenge()
        #expect(await attest(bench, guest, session).status == 403)
        try await bench.prepare(guest)
        guest.measurement = String(repeating: "cd", count: 48)
        let broker = bench.broker
        let body = guest.attestation(session.nonce).canonicalBytes
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    var request = BrokerRequest(method: "POST", path: ["kbs", "v0", "attest"])
                    request.cookie = "kbs-session-id=\(session.cookie)"
                    request.body = body
                    _ = await broker.respond(to: request)
                }
            }
        }
        #expect(await attest(bench, guest, session).status == 401)
        let other = try await bench.challenge()
        #expect(await attest(bench, guest, other).status == 403)
        for _ in 0..<SessionTable.refusalLimit {
            _ = await bench.send("POST", "kbs/v0/attest", body: [1], cookie: other.cookie)
        }
        guest.measurement = BrokerBench.measurement
        #expect(await attest(bench, guest, other).status == 401)
    }
}
