import Foundation
import Glibc
import RootKeys
import TestSupport
import Testing

@testable import EtcdStorage
@testable import SealedStorage

/// `scripts/chaos kill` does this 200 times for each kind of write.
@Suite("A store whose process is killed", .serialized)
struct StoreCrashTests {
    enum Work: String, CaseIterable {
        case put, rotateData, rotateRoot, backup
    }

    @Test(arguments: StoreKind.here, Work.allCases)
    func `opens and has what was answered`(kind: StoreKind, work: Work) async throws {
        let bench = try await StoreBench(kind)
        var keys = [bench.folder + "/root-0"]
        try FileRootKey.create(file: keys[0])
        var expected: [String: Set<String>] = [:]
        var store = try await SealedStore(try bench.backend(), rootKey: try FileRootKey(file: keys[0]))
        for number in 0..<30 {
            try await store.put(EntryFamily.plain["e\(number)"], Array("old\(number)".utf8) + [0])
            expected["e\(number)"] = ["old\(number)"]
        }
        await store.shutdown()
        for round in 0..<5 {
            let worker = try KilledWorker(bench, rootKeys: keys)
            let newer = bench.folder + "/root-\(round + 1)"
            let file = bench.folder + "/backup-\(round)"
            switch work {
            case .put: break
            case .rotateData: try worker.say("m rotate-data")
            case .rotateRoot:
                try FileRootKey.create(file: newer)
                try worker.say("m rotate-root \(newer)")
            case .backup: try worker.say("m backup \(file)")
            }
            for number in 0..<10 {
                try worker.say("\(number) put e\(number) \(work == .put ? 70_000 : 100) r\(round)")
                expected["e\(number)"]?.insert("r\(round)")
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...120)))
            let answers = worker.kill()
            for number in 0..<10 where answers["\(number)"] == "put" { expected["e\(number)"] = ["r\(round)"] }
            #expect(answers.values.allSatisfy { !$0.hasPrefix("failed") }, "\(answers)")

            var rootKey = try FileRootKey(file: keys[0])
            if work == .rotateRoot {
                // One of the two opens it: the new one for certain when that was answered.
                do {
                    store = try await SealedStore(try bench.backend(), rootKey: try FileRootKey(file: newer))
                    keys = [newer]
                    await store.shutdown()
                } catch {
                    #expect(answers["m"] == nil)
                }
                rootKey = try FileRootKey(file: keys[0])
            }
            store = try await SealedStore(try bench.backend(), rootKey: rootKey)
            #expect(try await store.verify().entries == 30)
            for entry in try await store.list(.plain) {
                let text = String(decoding: entry.value.prefix { $0 != 0 }, as: UTF8.self)
                #expect(expected[entry.name]?.contains(text) == true, "\(entry.name) is \(text)")
                expected[entry.name] = [text]
            }
            if work == .rotateData {
                let isOpen = await store.isRotatingDataKey
                #expect(answers["m"] == nil || !isOpen)
                try await store.finishDataKeyRotation()
                #expect(await !store.isRotatingDataKey)
                #expect(try await store.verify().entries == 30)
            }
            if work == .backup {
                let isThere = FileManager.default.fileExists(atPath: file)
                #expect(isThere || answers["m"] == nil)
                if isThere {
                    let target = try await StoreBench()
                    let restored = try await SealedStore.restore(from: file, into: target.backend(), rootKey: rootKey)
                    #expect(restored.entries == 30)
                }
            }
            await store.shutdown()
        }
    }
}

/// A `store-worker` that ends badly.
private final class KilledWorker {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private static let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("store-worker")

    /// Starts it and waits until it has the store open.
    init(_ bench: StoreBench, rootKeys: [String]) throws {
        var setup: [String: Any] = ["rootKeys": rootKeys]
        if let configuration = bench.configuration {
            setup["etcd"] = configuration.endpoints
            setup["ca"] = configuration.authorities
            setup["cert"] = configuration.certificate
            setup["key"] = configuration.key
            setup["prefix"] = configuration.prefix
        } else {
            setup["sqlite"] = bench.path
        }
        let path = bench.folder + "/worker.json"
        try JSONSerialization.data(withJSONObject: setup).write(to: URL(fileURLWithPath: path))
        process.executableURL = Self.program
        process.arguments = [path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        try #require(line.hasPrefix("ready"), "\(line)")
    }

    deinit { if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) } }

    func say(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8)) }

    /// Kills it and answers what it had said before.
    func kill() -> [String: String] {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let text = String(decoding: (try? output.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
        var answers: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            if words.count == 2 { answers[words[0]] = words[1] }
        }
        return answers
    }
}

extension EntryFamily {
    fileprivate static let plain = EntryFamily(rawValue: "plain")
}
