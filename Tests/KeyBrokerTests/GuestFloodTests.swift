import Envelope
import Foundation
import Synchronization
import Testing
import WireFormat

@testable import KeyBroker

/// Attested guests that call without end.
@Suite("Guests that call without end")
struct GuestFloodTests {
    private func lines(_ bench: BrokerBench, _ kind: String) async throws -> [JSONValue] {
        try await bench.audit().filter { $0["kind"]?.stringValue == kind }
    }

    @Test func `an attested guest's calls are counted once it had many lines, and administrators' never`() async throws
    {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, token) = try await bench.attest(guest)
        for _ in 0..<300 {
            #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie).status == 200)
        }
        for _ in 0..<300 {
            #expect(await bench.send("GET", "kbs/v0/resource/default/key/none", bearer: token).status == 403)
            #expect(
                await bench.send(
                    "POST", "kbs/v0/kms/default/a/sign", body: Array(#"{"message":"AQ=="}"#.utf8), bearer: token
                ).status == 403)
            #expect(await bench.send("POST", "kbs/v0/testudo/certificate", bearer: token).status == 400)
        }
        for _ in 0..<150 { try await bench.administer("GET", "resource") }
        var count = 0
        for kind in ["release", "key", "certificate"] { count += try await lines(bench, kind).count }
        // Those of the burst, of which attesting took one, and the first of each kind after it.
        #expect(count == Int(GuestBudget.rate.burst) - 1 + 4)
        #expect(try await lines(bench, "admin").count { $0["resource"] == "GET resource" } == 150)
        // Another guest of the same manifest has its lines.
        let other = FakeGuest(instance: String(repeating: "02", count: 16))
        let (second, _) = try await bench.attest(other)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: second).status == 200)
        #expect(try await lines(bench, "attest").count == 2)
        #expect(
            try await lines(bench, "release").count { $0["decision"] == "allow" } == Int(GuestBudget.rate.burst) + 1)
        // What was counted is said, by decision.
        bench.time.advance(GuestBudget.period)
        let said = try await lines(bench, "audit").filter { $0["check"] == "guest-calls" }
        #expect(said.count == 1 && said.first?["manifest"] == .string(guest.digest))
        let reason = try #require(said.first?["reason"]?.stringValue)
        for part in [
            "release allow default/key/one 200", "release deny resource-not-registered 299",
            "key deny key-not-registered 299", "certificate deny csr 299",
        ] { #expect(reason.contains(part), "\(reason)") }
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie).status == 200)
        #expect(
            try await lines(bench, "release").count { $0["decision"] == "allow" } == Int(GuestBudget.rate.burst) + 2)
    }

    @Test func `no names that a guest makes up hide what it was given`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, token) = try await bench.attest(guest)
        for number in 0..<600 {
            let name = "manifest-unregistered".appending(String(repeating: "x", count: number % 40))
            let body = JSONValue.object([number % 41 == 0 ? "manifest-unregistered" : name: 1]).canonicalBytes
            #expect(
                await bench.send("POST", "kbs/v0/kms/default/a/public-key", body: body, bearer: token).status == 400)
        }
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie).status == 200)
        let denied = try await lines(bench, "key")
        #expect(denied.allSatisfy { $0["check"] == "kms-body" && $0["manifest"] == .string(guest.digest) })
        #expect(try await lines(bench, "release").contains { $0["resource"] == "default/key/one" })
        bench.time.advance(GuestBudget.period)
        let said = try await lines(bench, "audit").filter { $0["check"] == "guest-calls" }
        #expect(said.allSatisfy { $0["manifest"] == .string(guest.digest) } && !said.isEmpty)
    }

    @Test func `a summary leaves nothing out, however many decisions it counts`() throws {
        var budget = GuestBudget()
        var record = AuditRecord(kind: .release, allowed: true, check: "release", reason: "")
        let guest = AuditedGuest(group: "aa", name: "one")
        func isAdmitted() -> Bool { budget.admit(record, guest, now: 0) }
        for _ in 0..<Int(GuestBudget.rate.burst) { #expect(isAdmitted()) }
        for number in 0..<GuestBudget.decisionLimit {
            record.resource = "default/key/" + String(repeating: "k", count: 60) + "\(number)"
            // The first has its line, whichever tenant it is about; the second is counted.
            record.tenant = number % 2 == 0 ? "acme" : "other"
            #expect(isAdmitted())
            #expect(!isAdmitted())
        }
        record.resource = "default/key/late"
        #expect(!isAdmitted())
        let text = budget.summaries(now: GuestBudget.period).map(\.reason)
        #expect(text.allSatisfy { $0.utf8.count < 512 })
        for number in 0..<GuestBudget.decisionLimit { #expect(text.contains { $0.contains("k\(number) 1") }) }
        #expect(text.contains { $0.contains("allow others 1") })
    }

    @Test func `guests under ever new names, and guests that nobody registered, share a budget`() async throws {
        let folder = NSTemporaryDirectory() + "testudo-flood-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let time = HandClock()
        let log = try AuditLog(path: folder + "/audit.jsonl", clock: time.clock)
        func written() throws -> Int {
            _ = log.lines(since: 0, last: 1)
            return try Data(contentsOf: URL(filePath: folder + "/audit.jsonl")).count { $0 == 10 }
        }
        var record = AuditRecord(kind: .release, allowed: true, check: "release", reason: "")
        for number in 0..<Int(GuestBudget.groupRate.burst) + 500 {
            record.guest = AuditedGuest(group: "aa", name: "\(number)")
            try log.append(record)
        }
        #expect(try written() == Int(GuestBudget.groupRate.burst) + 1)
        // Handshakes have a budget of their own, which is a large fleet's.
        var accepted = AuditRecord(kind: .attest, allowed: true, check: "attestation", reason: "")
        for number in 0..<Int(GuestBudget.handshakeRate.burst) + 500 {
            accepted.guest = AuditedGuest(group: "bb", name: "\(number)")
            try log.append(accepted)
        }
        #expect(try written() == Int(GuestBudget.groupRate.burst + GuestBudget.handshakeRate.burst) + 2)
        // So many other groups that their counts have no room.
        for number in 0..<GuestBudget.groupLimit + 4 {
            for _ in 0..<Int(GuestBudget.rate.burst) + 3 {
                record.guest = AuditedGuest(group: "group \(number)", name: "")
                try log.append(record)
            }
        }
        let before = try written()
        time.advance(GuestBudget.period)
        #expect(try written() - before <= GuestBudget.groupLimit + 1)
        // Time fills the budgets, a clock that is set back does not close them.
        time.advance(1000)
        record.guest = AuditedGuest(group: "aa", name: "x")
        let start = try written()
        try log.append(record)
        time.advance(-100_000)
        try log.append(record)
        #expect(try written() == start + 2)
    }
}

/// Work that takes long.
@Suite("Turns")
struct FairTurnsTests {
    /// Holds callers until a test lets them go.
    private final class Gate: Sendable {
        private let state = Mutex<(isOpen: Bool, inside: [String: Int], most: [String: Int], done: [String])>(
            (false, [:], [:], []))

        func pass(_ owner: String) {
            state.withLock { state in
                state.inside[owner, default: 0] += 1
                state.inside["all", default: 0] += 1
                for name in [owner, "all"] {
                    state.most[name] = max(state.most[name] ?? 0, state.inside[name] ?? 0)
                }
            }
            while !state.withLock({ $0.isOpen || owner.hasPrefix("quick") }) { usleep(1000) }
            state.withLock { state in
                state.inside[owner, default: 0] -= 1
                state.inside["all", default: 0] -= 1
                state.done.append(owner)
            }
        }

        func open() { state.withLock { $0.isOpen = true } }
        func most(_ name: String) -> Int { state.withLock { $0.most[name] ?? 0 } }
        var inside: Int { state.withLock { $0.inside["all"] ?? 0 } }
        var done: [String] { state.withLock { $0.done } }
    }

    private final class Count: Sendable {
        let value = Mutex(0)
    }

    private func wait(_ condition: () -> Bool) async throws {
        for _ in 0..<2000 where !condition() { try await Task.sleep(for: .milliseconds(5)) }
        try #require(condition())
    }

    @Test func `one owner's slow work leaves turns to others, who do not wait for all of it`() async throws {
        let turns = FairTurns(.init(atOnce: 4, perOwner: 2, perCaller: 32, waiting: 100))
        let gate = Gate()
        let executor = BlockingExecutor(threads: 8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            // A test that fails holds nobody for ever.
            defer { gate.open() }
            func start(_ owner: String) {
                group.addTask(executorPreference: executor) {
                    try await turns.run(owner: owner, caller: UUID().uuidString) { gate.pass(owner) }
                }
            }
            for _ in 0..<20 { start("slow") }
            try await wait { gate.inside == 2 && turns.waiting("slow") == 18 }
            for _ in 0..<10 { start("quick") }
            // Nothing of the slow work has ended.
            try await wait { gate.done.count == 10 }
            #expect(gate.done.allSatisfy { $0 == "quick" } && turns.waiting("slow") == 18)
            gate.open()
            try await group.waitForAll()
        }
        #expect(gate.done.count == 30)
        #expect(gate.most("slow") == 2 && gate.most("all") <= 4)
    }

    @Test func `with all places taken owners come one after another, and too many are told to come again`() async throws
    {
        let turns = FairTurns(.init(atOnce: 1, perOwner: 1, perCaller: 3, waiting: 4))
        let gate = Gate()
        let executor = BlockingExecutor(threads: 4)
        try await withThrowingTaskGroup(of: Void.self) { group in
            // A test that fails holds nobody for ever.
            defer { gate.open() }
            func start(_ owner: String, _ caller: String = UUID().uuidString) {
                group.addTask(executorPreference: executor) {
                    try await turns.run(owner: owner, caller: caller) { gate.pass(owner) }
                }
            }
            start("a", "one")
            try await wait { gate.inside == 1 }
            start("a", "one")
            start("a", "one")
            try await wait { turns.waiting("a") == 2 }
            let callers = await #expect(throws: BrokerError.self) {
                try await turns.run(owner: "a", caller: "one") { gate.pass("a") }
            }
            #expect(callers?.status == 429 && callers?.retryAfter == 1)
            start("a")
            start("a")
            try await wait { turns.waiting("a") == 4 }
            let owner = await #expect(throws: BrokerError.self) {
                try await turns.run(owner: "a", caller: "two") { gate.pass("a") }
            }
            #expect(owner?.status == 429)
            start("b")
            try await wait { turns.waiting("b") == 1 }
            gate.open()
            try await group.waitForAll()
        }
        #expect(gate.done.count == 6 && gate.done.prefix(3).contains("b"), "\(gate.done)")
        #expect(gate.most("all") == 1)
        // Nothing is left behind.
        try await turns.run(owner: "a", caller: "one") { gate.pass("a") }
        #expect(turns.waiting("a") == 0)
    }

    @Test func `policies, keys' policies, explanations and searches wait for their turn`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let allow = Base64.encodeURL(Array("package policy\ndefault allow := true\n".utf8))
        for (id, prefix) in [("keys", "kms"), ("open", "default")] {
            let body: JSONValue = ["policy": .string(allow), "prefix": .string(prefix)]
            #expect(
                try await bench.administer("PUT", "testudo/resource-policies/\(id)", body.canonicalBytes).status == 200)
        }
        try await bench.administer("PUT", "testudo/kms/default/disk", Array(#"{"kind":"aes-256-gcm"}"#.utf8))
        let (_, token) = try await bench.attest(guest)
        let administrator = try bench.adminToken()
        let gate = Gate()
        let executor = BlockingExecutor(threads: 8)
        let done = Count()
        try await withThrowingTaskGroup(of: Int.self) { group in
            defer { gate.open() }
            // The turns of the broker's own policies and searches are taken.
            for (turns, count) in [(bench.broker.turns, 2), (bench.broker.searches, 1)] {
                for _ in 0..<count {
                    group.addTask(executorPreference: executor) {
                        try await turns.run(owner: "", caller: UUID().uuidString) { gate.pass("slow") }
                        return 200
                    }
                }
            }
            try await wait { gate.inside == 3 }
            for (method, path, body, bearer) in [
                ("GET", "resource/default/key/one", "", token),
                ("POST", "kms/default/disk/encrypt", #"{"plaintext":"AQ=="}"#, token),
                ("POST", "testudo/explain", #"{"claims":{},"resource":"default/key/one"}"#, administrator),
                ("GET", "testudo/audit", "", administrator),
            ] {
                var request = BrokerRequest(
                    method: method, path: ["kbs", "v0"] + path.split(separator: "/").map(String.init))
                request.body = Array(body.utf8)
                request.authorization = "Bearer \(bearer)"
                group.addTask(executorPreference: executor) { [request, broker = bench.broker] in
                    let status = await broker.respond(to: request).status
                    done.value.withLock { $0 += 1 }
                    return status
                }
            }
            try await wait { bench.broker.turns.waiting("") == 3 && bench.broker.searches.waiting("") == 1 }
            #expect(await bench.send("GET", "healthz").status == 200)
            #expect(done.value.withLock { $0 } == 0)
            gate.open()
            for try await status in group { #expect(status == 200) }
        }
    }
}
