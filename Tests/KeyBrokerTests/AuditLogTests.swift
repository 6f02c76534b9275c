import AuditTrail
import Foundation
import Synchronization
import TestSupport
import Testing
import WireFormat

@testable import KeyBroker

@Suite("Audit log")
struct AuditLogTests {
    private func parsed(_ lines: [UInt8]) throws -> [JSONValue] {
        try lines.split(separator: UInt8(ascii: "\n")).map { try JSONValue.parse(Array($0)) }
    }

    private func files(_ folder: ScratchFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 != "audit.jsonl" }.sorted()
    }

    private let released = AuditRecord(kind: .release, allowed: true, check: "registration", reason: "the key left")

    @Test func `a flood of refused strangers leaves the line of a released key and is counted`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, _) = try await bench.attest(guest)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie).status == 200)
        let before = try await bench.audit().count
        for _ in 0..<1_000 {
            #expect(await bench.send("GET", "kbs/v0/testudo/audit", bearer: "x").status == 401)
            #expect(await bench.send("GET", "kbs/v0/resource/default/key/one").status == 401)
            #expect(await bench.send("POST", "kbs/v0/attest", body: [1], cookie: "y").status == 401)
        }
        bench.time.advance(RefusalBudget.period)
        let lines = try await bench.audit()
        #expect(lines.contains { $0["kind"] == "release" && $0["decision"] == "allow" })
        #expect(lines.count <= before + RefusalBudget.burst + 3)
        let summary = try #require(lines.last { $0["check"] == "refusals" })
        #expect(summary["decision"] == "note")
        #expect(summary["reason"]?.stringValue?.contains("\(3_000 - RefusalBudget.burst) more calls") == true)
        for check in ["admin-token 980", "token 980", "session 980"] {
            #expect(summary["reason"]?.stringValue?.contains(check) == true)
        }
        // What an attested guest is refused is no stranger's: it has a line, flood or not.
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/nine", cookie: cookie).status == 403)
        #expect(try await bench.audit().contains { $0["check"] == "resource-not-registered" })
    }

    @Test func `months of a flood fill numbered files that all stay, the first line too`() throws {
        let folder = try ScratchFolder()
        let time = HandClock()
        let log = try AuditLog(path: "\(folder.path)/audit.jsonl", clock: time.clock, limit: 60_000)
        try log.append(released)
        for index in 0..<20_000 {
            time.advance(1)
            try log.appendRefusal(
                ofStranger: AuditRecord(kind: .admin, allowed: false, check: "admin-token", reason: "call \(index)"))
        }
        #expect(try files(folder).count > 2)
        let lines = try parsed(log.lines(since: 0))
        #expect(lines.first?["kind"] == "release")
        #expect(lines.count < 60 + 20_000 / Int(RefusalBudget.refill) + 20_000 / Int(RefusalBudget.period) + 2)
        let times = lines.compactMap { $0["time"]?.stringValue }
        #expect(times == times.sorted())
        // Written or counted, each of the calls is there once.
        let counted = lines.filter { $0["check"] == "refusals" }.compactMap {
            $0["reason"]?.stringValue?.split(separator: " ").compactMap { Int($0) }.dropFirst().first
        }
        let written = lines.filter { $0["check"] == "admin-token" }.count
        #expect(abs(written + counted.reduce(0, +) - 20_000) <= Int(RefusalBudget.period))
        let newest = try parsed(log.lines(since: 0, last: 3))
        #expect(newest == Array(lines.suffix(3)))
    }

    @Test func `a noted line is found near the end and far from it, and another in its place is not`() throws {
        let folder = try ScratchFolder()
        let log = try AuditLog(path: "\(folder.path)/audit.jsonl", clock: HandClock().clock, limit: 600_000)
        var heads: [AuditHead] = []
        for _ in 0..<5_000 {
            try log.append(released)
            heads.append(try #require(log.head))
        }
        #expect(try files(folder).count > 1)
        let (first, last) = (heads[0], heads[heads.count - 1])
        for head in [first, heads[heads.count / 2], heads[4_000], heads[4_300], heads[4_998], last] {
            #expect(log.holds(head), "\(head.sequence) of \(last.sequence)")
            let other = AuditHead(sequence: head.sequence, hash: heads[7].hash)
            #expect(!log.holds(other), "\(head.sequence) of \(last.sequence)")
        }
        #expect(!log.holds(AuditHead(sequence: last.sequence + 1, hash: last.hash)))
    }

    @Test func `a file with the highest number stops no rotation`() throws {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/audit.jsonl"
        for number in [Int.max, Int.max - 1, 1 << 53] { try Data().write(to: URL(filePath: "\(path).\(number)")) }
        let log = try AuditLog(path: path, clock: HandClock().clock, limit: 1_000)
        for _ in 0..<10 { try log.append(released) }
        #expect(try parsed(log.lines(since: 0)).count == 10)
        #expect(try files(folder).count > 3)
    }

    @Test func `a log with too many files warns, then refuses to decide rather than drop a line`() throws {
        let folder = try ScratchFolder()
        let warnings = Mutex<[String]>([])
        let path = "\(folder.path)/audit.jsonl"
        let log = try AuditLog(path: path, limit: 1_000, fileLimit: 4) { text in
            warnings.withLock { $0.append(text) }
        }
        #expect(log.hasRoom)
        var written = 0
        let failure = #expect(throws: BrokerError.self) {
            for _ in 0..<100 {
                try log.append(released)
                written += 1
            }
        }
        #expect(failure?.check == "audit")
        #expect(try files(folder).count == 4)
        #expect(!log.hasRoom && warnings.withLock { $0.first?.contains("2 of at most 4") == true })
        let lines = try parsed(log.lines(since: 0))
        #expect(lines.filter { $0["kind"] == "release" }.count == written)
        #expect(lines.contains { $0["kind"] == "audit" && $0["check"] == "files" })
        // The operator makes room; no number is used twice, so that what was moved away is never overwritten.
        let known = try files(folder)
        for name in known { try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)") }
        for _ in 0..<6 { try log.append(released) }
        #expect(try files(folder).allSatisfy { !known.contains($0) })
        #expect(try !files(folder).isEmpty)
    }

    @Test func `a line that was cut short does not swallow the next one`() throws {
        let folder = try ScratchFolder()
        let path = try folder.write("audit.jsonl", Array(#"{"time":"2026-"#.utf8))
        let log = try AuditLog(path: path, limit: 2_000)
        for index in 0..<10 {
            try log.append(AuditRecord(kind: .admin, allowed: true, check: "c", reason: "line \(index)\n"))
        }
        let lines = try parsed(log.lines(since: 0))
        #expect(lines.compactMap { $0["reason"]?.stringValue } == (0..<10).map { "line \($0)\\n" })
        #expect(log.lines(since: 9_999_999_999).isEmpty)
    }

    @Test func `the chain goes on over full files, restarts, other processes and torn lines`() throws {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/audit.jsonl"
        let first = try AuditLog(path: path, limit: 4_000)
        for _ in 0..<30 { try first.append(released) }
        let second = try AuditLog(path: path, limit: 4_000)
        for _ in 0..<5 {
            try second.append(released)
            try first.append(released)
        }
        let torn = try #require(FileHandle(forWritingAtPath: path))
        try torn.seekToEnd()
        try torn.write(contentsOf: Data("{\"check\":\"regis".utf8))
        try torn.close()
        let third = try AuditLog(path: path, limit: 4_000)
        for _ in 0..<30 { try third.append(released) }
        #expect(try files(folder).count > 3)
        let head = try #require(third.head)
        #expect(head.sequence == 70)
        var check = AuditCheck(heads: [head])
        for name in try files(folder).sorted(by: {
            Int($0.split(separator: ".").last ?? "") ?? 0 < Int($1.split(separator: ".").last ?? "") ?? 0
        }) {
            check.read(text: Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(name)"))))
        }
        check.read(text: Array(try Data(contentsOf: URL(fileURLWithPath: path))))
        check.finish()
        #expect(check.breaks == [] && check.fragments == 1 && check.lines == 71)
        // Without the newest file the end is missing.
        var cut = AuditCheck(heads: [head])
        for name in try files(folder) {
            cut.read(text: Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(name)"))))
        }
        cut.finish()
        #expect(cut.breaks.count == 1)
    }
}
