import Crypto
import Envelope
import Foundation
import Synchronization
import Testing
import WireFormat

@testable import KeyBroker

/// Two brokers on one store. The second one looks at the store only when a test says so, as in the seconds between two looks.
@Suite("Replicas")
struct ReplicaTests {
    private static let allowAll = "package policy\ndefault allow := false\nallow if input.testudo.manifest != \"\"\n"

    private let bench: BrokerBench
    private let other: KeyBroker
    private let guest = FakeGuest()

    init() async throws {
        bench = try await BrokerBench(sharesSessions: true)
        other = try await KeyBroker(
            configuration: try BrokerConfiguration(file: bench.folder + "/config.json"), appraiser: FakeAppraiser(),
            clock: bench.time.clock, sharesSessions: true)
        try await bench.prepare(guest)
        // Reference values are followed, not asked for.
        try await other.followReplicas()
    }

    private func setPolicy() async throws {
        let body: JSONValue = ["policy": .string(Base64.encodeURL(Array(Self.allowAll.utf8)))]
        #expect(try await bench.administer("POST", "resource-policy", body.canonicalBytes).status == 200)
        try await other.followReplicas()
    }

    private func read(at broker: KeyBroker, cookie: String? = nil, bearer: String? = nil) async -> Int {
        var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "resource", "default", "key", "one"])
        request.cookie = cookie.map { "kbs-session-id=\($0)" }
        request.authorization = bearer.map { "Bearer \($0)" }
        return await broker.respond(to: request).status
    }

    @Test func `claims that a policy asks for are known at every replica`() async throws {
        try await setPolicy()
        let (cookie, _) = try await bench.attest(guest)
        #expect(await read(at: bench.broker, cookie: cookie) == 200)
        #expect(await read(at: other, cookie: cookie) == 200)
        // Also after the replica where the guest attested was started again.
        let again = try await KeyBroker(
            configuration: try BrokerConfiguration(file: bench.folder + "/config.json"), appraiser: FakeAppraiser(),
            clock: bench.time.clock, sharesSessions: true)
        #expect(await read(at: again, cookie: cookie) == 200)
        bench.time.advance(SessionCookie.lifetime)
        #expect(await read(at: other, cookie: cookie) == 401)
    }

    @Test func `claims are stored for attested guests alone, where policies ask, and end with the session`()
        async throws
    {
        let store = bench.broker.store
        func kept() async throws -> [Int] {
            let uses = try await store.list(.sessionClaimsUse).map(\.name)
            var counts: [Int] = []
            for minute in uses.compactMap({ Int64($0) }) {
                counts.append(await store.sealed.count(.sessionClaims(minute: minute)))
            }
            return counts
        }
        _ = try await bench.attest(guest)
        #expect(try await kept() == [])
        try await setPolicy()
        let (cookie, nonce) = try await bench.challenge()
        #expect(try await kept() == [])
        var refused = guest
        refused.measurement = "00"
        let unknown = refused.attestation(nonce).canonicalBytes
        #expect(await bench.send("POST", "kbs/v0/attest", body: unknown, cookie: cookie).status == 403)
        #expect(try await kept() == [])
        let body = guest.attestation(nonce).canonicalBytes
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie).status == 200)
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie).status == 401)
        #expect(try await kept() == [1])
        bench.time.advance(SessionCookie.lifetime)
        try await store.sweepSessionClaims(now: bench.time.now)
        #expect(try await kept() == [1])
        bench.time.advance(2 * SessionCookie.skew + 60)
        try await store.sweepSessionClaims(now: bench.time.now)
        #expect(try await kept() == [])
        #expect(await store.sealed.count(.sessionClaims(minute: (bench.time.now - 480) / 60)) == 0)
    }

    @Test func `claims of one minute are bounded, and the nonce is consumed all the same`() async throws {
        let store = bench.broker.store
        let (now, minute) = (bench.time.now, bench.time.now / 60)
        let attested = try AttestedGuest(
            claims: [
                "manifest": "", "measurement": "ab", "technology": "snp", "simulated": false, "debug": false,
                "instance": "", "epoch": 0, "binding": "launch", "tlsKey": "",
            ], encryptionKey: guest.publicKey)
        func consume(_ name: String, bytes: Int) async throws {
            let payload = Base64.encodeURL([UInt8](repeating: 7, count: bytes))
            let claims = try #require(KeptClaims(token: "\(name).\(payload).x"))
            try await store.consume(nonce: name, issued: now, guest: attested, claims: claims, now: now)
        }
        let fitting = BrokerStore.sessionClaimsMinuteLimit / BrokerStore.sessionClaimsLimit
        try await consume("large", bytes: BrokerStore.sessionClaimsLimit + 1)
        #expect(await store.sealed.count(.sessionClaims(minute: minute)) == 0)
        for number in 0...fitting { try await consume("n\(number)", bytes: BrokerStore.sessionClaimsLimit) }
        #expect(await store.sealed.count(.sessionClaims(minute: minute)) == fitting)
        #expect(await store.sealed.count(.nonces(minute: minute)) == fitting + 2)
        await #expect(throws: BrokerError.self) { try await consume("n\(fitting)", bytes: 1) }
    }

    @Test func `a token under a key that another replica has just made is good`() async throws {
        _ = try await bench.broker.tokens.rotate()
        let (_, token) = try await bench.attest(guest)
        #expect(!other.tokens.knowsKey(of: token))
        #expect(await read(at: other, bearer: token) == 200)
        // A key that nobody made is looked for, and not found.
        let stranger = try token.split(separator: ".").enumerated().map { place, part in
            guard place == 0 else { return String(part) }
            var header = try JSONValue.parse(try Base64.decodeURL(String(part), field: "header")).objectValue ?? [:]
            header["kid"] = "nobody's"
            return Base64.encodeURL(JSONValue.object(header).canonicalBytes)
        }.joined(separator: ".")
        #expect(!other.tokens.knowsKey(of: stranger))
        #expect(await read(at: other, bearer: stranger) == 401)
    }

    @Test func `a token of a replica that has not seen a rotation yet is good`() async throws {
        _ = try await bench.broker.tokens.rotate()
        bench.time.advance(5)
        let accepted = try AttestedGuest(
            claims: [
                "manifest": .string(guest.digest), "measurement": .string(BrokerBench.measurement), "technology": "snp",
                "simulated": false, "debug": false, "instance": "", "epoch": 0, "binding": "launch", "tlsKey": "",
            ], encryptionKey: guest.publicKey)
        let submodule: JSONValue = [
            "ear.status": "affirming",
            "ear.veraison.annotated-evidence": ["runtime_data_claims": ["tee-pubkey": guest.publicKey]],
        ]
        let token = try await other.tokens.issue(guest: accepted, submodule: submodule)
        #expect(await read(at: bench.broker, bearer: token) == 200)
        try await other.followReplicas()
        #expect(await read(at: other, bearer: token) == 200)
        // What is signed with the old key after that was not signed by a broker.
        bench.time.advance(120)
        #expect(await read(at: other, bearer: token) == 200)
    }

    @Test func `a session under a key that another replica has just made goes on, and so do those of before`()
        async throws
    {
        let (before, _) = try await bench.attest(guest)
        let (asked, nonce) = try await bench.challenge()
        #expect(try await bench.administer("POST", "testudo/cookie-key").status == 200)
        let (after, _) = try await bench.attest(guest)
        #expect(after.prefix(6) != before.prefix(6))
        #expect(await read(at: other, cookie: after) == 200)
        #expect(await read(at: other, cookie: before) == 200)
        let body = guest.attestation(nonce).canonicalBytes
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: asked).status == 200)
        // Two keys open: a third one would end sessions.
        try expectRefusal(try await bench.administer("POST", "testudo/cookie-key"), 409, "ResourceExists")
        bench.time.advance(StoredCookieKeys.shortestLife)
        #expect(try await bench.administer("POST", "testudo/cookie-key").status == 200)
    }

    @Test func `one broker alone has its cookie key changed too`() async throws {
        let alone = try await BrokerBench()
        try await alone.prepare(guest)
        let (before, _) = try await alone.attest(guest)
        #expect(try await alone.administer("POST", "testudo/cookie-key").status == 200)
        let (after, _) = try await alone.attest(guest)
        #expect(after.prefix(6) != before.prefix(6))
        for cookie in [before, after] { #expect(await read(at: alone.broker, cookie: cookie) == 200) }
        try expectRefusal(try await alone.administer("POST", "testudo/cookie-key"), 409, "ResourceExists")
        alone.time.advance(StoredCookieKeys.shortestLife)
        #expect(try await alone.administer("POST", "testudo/cookie-key").status == 200)
        #expect(await alone.send("POST", "kbs/v0/testudo/cookie-key").status == 401)
    }

    /// Things that are made, and how many of them the last look saw.
    private final class Looks: Sendable {
        private let state = Mutex((made: 0, seen: 0, count: 0))
        var seen: Int { state.withLock { $0.seen } }
        var count: Int { state.withLock { $0.count } }

        func make() -> Int {
            state.withLock { state in
                state.made += 1
                return state.made
            }
        }

        func look() {
            state.withLock { state in
                state.seen = state.made
                state.count += 1
            }
        }
    }

    @Test func `a look for keys begins after each call for one, and many share it`() async throws {
        let refresh = KeyRefresh()
        let numbers = Looks()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    let mine = numbers.make()
                    try await refresh.look {
                        numbers.look()
                        return nil
                    }
                    #expect(numbers.seen >= mine)
                }
            }
            try await group.waitForAll()
        }
        #expect(numbers.count < 100)
        await #expect(throws: BrokerError.self) {
            try await refresh.look { BrokerError(.unavailable, check: "storage", "gone") }
        }
    }

    @Test func `the logs of all replicas show that a nonce was accepted once`() async throws {
        let (cookie, nonce) = try await bench.challenge()
        let body = guest.attestation(nonce).canonicalBytes
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie).status == 200)
        var replay = BrokerRequest(method: "POST", path: ["kbs", "v0", "attest"])
        (replay.body, replay.cookie) = (body, "kbs-session-id=\(cookie)")
        #expect(await other.respond(to: replay).status == 401)
        let mark = Hex.encode(SHA256.hash(data: Data(nonce.utf8)))
        let lines = try await bench.audit().filter { $0["nonce"]?.stringValue == mark }
        #expect(lines.map { $0["decision"] } == ["allow", "deny"])
    }
}
