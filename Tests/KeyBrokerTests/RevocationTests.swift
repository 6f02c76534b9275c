import AuditTrail
import Envelope
import Foundation
import SealedStorage
import Testing
import WireFormat

@testable import KeyBroker

/// What an administrator trusts no more ends at once, and at every replica with its next look at the store.
@Suite("Revocation")
struct RevocationTests {
    private func read(_ bench: BrokerBench, _ cookie: String) async -> Int {
        await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie).status
    }

    @Test(arguments: ["instance", "measurement"])
    func `a revoked guest gets nothing with what it has, and attests no more`(kind: String) async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, token) = try await bench.attest(guest)
        #expect(await read(bench, cookie) == 200)
        let value = kind == "instance" ? guest.instance : BrokerBench.measurement
        let path = "testudo/revocations/\(kind)/\(value)"
        #expect(try await bench.administer("PUT", path, Array(#"{"reason":"stolen"}"#.utf8)).status == 200)
        try expectRefusal(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie), 403, "PolicyDeny")
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token).status == 403)
        let session = try await bench.challenge(guest.technology)
        let again = await bench.send(
            "POST", "kbs/v0/attest", body: guest.attestation(session.nonce).canonicalBytes, cookie: session.cookie)
        try expectRefusal(again, 403, "PolicyDeny")
        let listed = try JSONValue.parse(try await bench.administer("GET", "testudo/revocations").body)
        #expect(listed.arrayValue?.first?["reason"] == "stolen" && listed.arrayValue?.first?["by"] == "tester")
        #expect(try await bench.administer("DELETE", path).status == 200)
        #expect(try await bench.administer("DELETE", path).status == 404)
        #expect(await read(bench, cookie) == 200)
    }

    @Test func `a revoked product line ends sessions and tokens of hardware, whose guests attest again`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, token) = try await bench.attest(guest)
        #expect(try await bench.administer("PUT", "testudo/revocations/line/milan").status == 200)
        for response in [
            await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie),
            await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token),
        ] { try expectRefusal(response, 401, "TokenVerifierError") }
        #expect(bench.broker.revocations.snapshot.distrust.productLines.count == 1)
        // Other replicas may not know yet: what they issue in these seconds counts as old.
        let (early, _) = try await bench.attest(guest)
        #expect(await read(bench, early) == 401)
        bench.time.advance(Revocations.spread + 1)
        let (later, _) = try await bench.attest(guest)
        #expect(await read(bench, later) == 200)
    }

    @Test func `another replica follows`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        let other = try await KeyBroker(
            configuration: configuration, appraiser: FakeAppraiser(), cookies: bench.broker.cookies,
            clock: bench.time.clock)
        let (cookie, _) = try await bench.attest(guest)
        func readElsewhere() async -> Int {
            var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "resource", "default", "key", "one"])
            request.cookie = "kbs-session-id=\(cookie)"
            return await other.respond(to: request).status
        }
        #expect(await readElsewhere() == 200)
        #expect(try await bench.administer("PUT", "testudo/revocations/instance/\(guest.instance)").status == 200)
        try await other.followReplicas()
        #expect(await readElsewhere() == 403)
        // The same for a release that is withdrawn: reference values are in memory too.
        #expect(try await bench.administer("DELETE", "testudo/revocations/instance/\(guest.instance)").status == 200)
        #expect(try await bench.administer("DELETE", "testudo/reference-values/0.1.0").status == 200)
        try await other.followReplicas()
        #expect(await readElsewhere() == 403)
    }

    @Test(arguments: [
        "line/rome", "line/zz", "root/00", "chip/", "instance/00", "measurement/0011", "other/00",
        "instance/\(String(repeating: "g", count: 32))",
    ])
    func `what cannot be meant is refused`(path: String) async throws {
        let bench = try await BrokerBench()
        let status = try await bench.administer("PUT", "testudo/revocations/\(path)").status
        #expect(status == 400 || status == 404)
    }

    @Test func `consumed nonces are forgotten after an hour, not before`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        _ = try await bench.attest(guest)
        let store = bench.broker.store
        let family = EntryFamily.nonces(minute: bench.time.now / 60)
        #expect(await store.sealed.count(family) == 1)
        bench.time.advance(3000)
        try await store.sweepNonces(now: bench.time.now)
        #expect(await store.sealed.count(family) == 1)
        bench.time.advance(700)
        try await store.sweepNonces(now: bench.time.now)
        #expect(await store.sealed.count(family) == 0)
    }

    @Test func `the end of the audit log is noted in the store`() async throws {
        let bench = try await BrokerBench()
        #expect(try await bench.administer("GET", "resource").status == 200)
        let heads = try JSONValue.parse(try await bench.administer("GET", "testudo/audit/head").body)
        let noted = try #require(heads["single"]?.stringValue.flatMap { AuditHead($0) })
        var check = AuditCheck(heads: [noted])
        check.read(text: bench.broker.audit.lines(since: 0))
        check.finish()
        #expect(check.breaks == [] && noted.sequence >= 1)
    }

    @Test func `a nonce that was forgotten while a clock was ahead is not good again`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let session = try await bench.challenge()
        let body = guest.attestation(session.nonce).canonicalBytes
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: session.cookie).status == 200)
        try await bench.broker.store.sweepNonces(now: bench.time.now)
        try await bench.broker.store.sweepNonces(now: bench.time.now + 86_400)
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: session.cookie).status == 401)
    }

    @Test func `an audit log that is changed, cut or replaced under the broker stops it`() async throws {
        for change in 0..<3 {
            let bench = try await BrokerBench()
            let path = bench.folder + "/audit.jsonl"
            for _ in 0..<3 { #expect(try await bench.administer("GET", "resource").status == 200) }
            try await bench.broker.noteAuditHead()
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let file = try #require(FileHandle(forWritingAtPath: path))
            switch change {
            case 0: try file.truncate(atOffset: UInt64(text.utf8.count / 2))
            case 1:
                try file.seek(toOffset: UInt64(text.utf8.count - 40))
                try file.write(contentsOf: Data([UInt8](repeating: 65, count: 60)))
            default: try text.write(toFile: path, atomically: true, encoding: .utf8)
            }
            try file.close()
            let response = try await bench.administer("GET", "resource")
            #expect(response.status == 500, "change \(change)")
            // It says what to do.
            let detail = try JSONValue.parse(response.body)["detail"]?.stringValue
            #expect(detail?.contains("testudo broker audit verify") == true && detail?.contains("restart") == true)
        }
    }

    @Test func `lines that go missing between two starts stay noted`() async throws {
        let bench = try await BrokerBench()
        for _ in 0..<5 { #expect(try await bench.administer("GET", "resource").status == 200) }
        try await bench.broker.noteAuditHead()
        let path = bench.folder + "/audit.jsonl"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        try (lines.prefix(2).joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        let again = try await KeyBroker(
            configuration: try BrokerConfiguration(file: bench.folder + "/config.json"), appraiser: FakeAppraiser(),
            clock: bench.time.clock)
        var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "testudo", "audit", "head"])
        request.authorization = "Bearer \(try bench.adminToken())"
        for _ in 0..<3 { #expect(await again.respond(to: request).status == 200) }
        let heads = try JSONValue.parse(await again.respond(to: request).body)
        #expect(heads["single#1"]?.stringValue?.hasPrefix("5:") == true, "\(heads.canonicalText)")
    }
}
