import AuditTrail
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing
import WireFormat

@testable import KeyBroker

@Suite("Audit log under attack")
struct AuditLogFloodTests {
    /// One character of a million and one scalars.
    private static let heap = "a" + String(repeating: "\u{301}", count: 1_000_000)

    private func size(_ bench: BrokerBench) throws -> Int {
        let path = try BrokerConfiguration(file: bench.folder + "/config.json").auditLog
        return try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    }

    @Test func `a million combining marks on one letter are cut as the bytes that they are`() throws {
        let folder = try ScratchFolder()
        let log = try AuditLog(path: "\(folder.path)/audit.jsonl")
        var record = AuditRecord(kind: .attest, allowed: false, check: Self.heap, reason: Self.heap)
        record.manifest = Self.heap
        record.measurement = Self.heap
        record.resource = String(repeating: "\"", count: 100_000)
        record.subject = String(repeating: "\u{1}", count: 100_000)
        try log.append(record)
        let line = log.lines(since: 0)
        #expect(line.count <= AuditRecord.lineLimit)
        #expect(try JSONValue.parse(line)["reason"]?.stringValue?.utf8.first == UInt8(ascii: "a"))
        let short = AuditRecord(kind: .attest, allowed: false, check: "c", reason: Self.heap).line(at: Date(), .first)
        #expect((512...900).contains(short.count))
    }

    @Test func `control characters and those that turn the text around are escaped`() throws {
        let text = "a\u{1b}[2J\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}\r\nz é"
        let line = AuditRecord(kind: .attest, allowed: false, check: "c", reason: text).line(at: Date(), .first)
        let shown = try JSONValue.parse(line)["reason"]?.stringValue
        #expect(
            shown == #"a\u{1b}[2J\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}\r\nz é"#)
    }

    @Test func `an unknown field's name of a million marks leaves a short line and a short answer`() async throws {
        let bench = try await BrokerBench()
        let (cookie, _) = try await bench.challenge()
        let error = #expect(throws: WireError.self) {
            try JSONFields(JSONValue.object([Self.heap: 1]), path: "").finish()
        }
        #expect((64...70).contains(error?.field.utf8.count ?? 0))
        let document: [String: JSONValue] = ["format": "toml", "body": "", Self.heap: 1]
        let body = JSONValue.object(["init-data": .object(document)]).canonicalBytes
        let before = try size(bench)
        let response = await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie)
        #expect(response.status == 400 && response.body.count < 1_000)
        #expect(try size(bench) - before < 2_000)
    }

    @Test func `strangers' bytes are counted as their lines are`() throws {
        let folder = try ScratchFolder()
        let time = HandClock()
        let log = try AuditLog(path: "\(folder.path)/audit.jsonl", clock: time.clock)
        var record = AuditRecord(kind: .admin, allowed: false, check: "admin-token", reason: "")
        record.reason = String(repeating: "r", count: 10_000)
        record.resource = String(repeating: "p", count: 10_000)
        for _ in 0..<3_600 {
            time.advance(1)
            for _ in 0..<5 { try log.appendRefusal(ofStranger: record) }
        }
        let hour = Int(RefusalBudget.byteBurst + 360 * RefusalBudget.byteRefill)
        #expect(log.lines(since: 0).count < hour + 60 * 400)
        #expect(log.lines(since: 0).count > hour / 2)
    }

    @Test func `a log that cannot be rotated stays in its file, in order, until that is twice as long`() throws {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/audit.jsonl"
        let warnings = Mutex(0)
        let log = try AuditLog(path: path, limit: 2_000) { _ in warnings.withLock { $0 += 1 } }
        try FileManager.default.createDirectory(
            atPath: "\(path).new/in the way", withIntermediateDirectories: true)
        var written = 0
        func append() throws {
            try log.append(AuditRecord(kind: .admin, allowed: true, check: "c", reason: "line \(written)"))
            written += 1
        }
        let failure = #expect(throws: BrokerError.self) { while written < 100 { try append() } }
        #expect(failure?.check == "audit")
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect((3_500...4_000).contains(whole.count))
        #expect(whole.split(separator: UInt8(ascii: "\n")).count == written)
        #expect(warnings.withLock { $0 } == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
        try FileManager.default.removeItem(atPath: "\(path).new")
        for _ in 0..<30 { try append() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count > 2)
        #expect(!FileManager.default.fileExists(atPath: "\(path).new"))
        let reasons = try log.lines(since: 0).split(separator: UInt8(ascii: "\n")).compactMap {
            try JSONValue.parse(Array($0))["reason"]?.stringValue
        }
        #expect(reasons.filter { $0.hasPrefix("line ") } == (0..<written).map { "line \($0)" })
    }

    @Test func `without a free descriptor the log goes on in its file`() async {
        // In a process of its own, which has no descriptor left when the file is full.
        await #expect(processExitsWith: .success) {
            let folder = try ScratchFolder()
            let path = "\(folder.path)/audit.jsonl"
            let log = try AuditLog(path: path, limit: 1_000)
            var old = rlimit()
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            guard getrlimit(resource, &old) == 0 else { exit(2) }
            var none = rlimit(rlim_cur: 3, rlim_max: old.rlim_max)
            guard setrlimit(resource, &none) == 0 else { exit(3) }
            for _ in 0..<6 {
                try log.append(AuditRecord(kind: .admin, allowed: true, check: "c", reason: "line"))
            }
            guard setrlimit(resource, &old) == 0 else { exit(4) }
            let text = try String(contentsOfFile: path, encoding: .utf8)
            guard text.split(separator: "\n").count == 6 else { exit(5) }
            exit(0)
        }
    }

    @Test func `connections leave descriptors for the log and the database`() async {
        #expect(OpenFiles.connections(atMost: 4096, descriptors: 1 << 20) == 4096)
        #expect(OpenFiles.connections(atMost: 4096, descriptors: 4096 + OpenFiles.reserve) == 4096)
        #expect(OpenFiles.connections(atMost: 4096, descriptors: 1024) == 1024 - OpenFiles.reserve)
        #expect(OpenFiles.connections(atMost: 4096, descriptors: 100) == 50)
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            guard getrlimit(resource, &limit) == 0, limit.rlim_max >= 2_000 else { exit(0) }
            limit.rlim_cur = 300
            guard setrlimit(resource, &limit) == 0 else { exit(2) }
            guard OpenFiles.raise(forConnections: 1_000) == 1_000 else { exit(3) }
            guard getrlimit(resource, &limit) == 0, limit.rlim_cur == 1_256 else { exit(4) }
            exit(0)
        }
    }
}
