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
        let bench = try await BrokerBench()
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

    @Test func `of one address that has genuine guests refused only some have lines of their own`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        try await bench.prepare(guest)
        guest.measurement = String(repeating: "cd", count: 48)
        // The nonce is not consumed, so that the message stays good until the session ends.
        let session = try await bench.challenge()
        for _ in 0..<300 { try expectRefusal(await attest(bench, guest, session), 403, "PolicyDeny") }
        let few = CallLimiter.refusedGuestLines + RefusalBudget.burst
        #expect(try await lines(bench, "reference-value") <= few)
        #expect(try await lines(bench, "reference-value") >= CallLimiter.refusedGuestLines)
        guest.measurement = BrokerBench.measurement
        #expect(await attest(bench, guest, session).status == 200)
    }
}
