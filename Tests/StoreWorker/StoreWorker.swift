import EtcdStorage
import Foundation
import RootKeys
import SealedStorage
import WireFormat

/// One process of the failure runs: opens the store that a JSON file names and does what lines on standard input say, many at a
/// time; each line's first word comes back with the answer. What was answered must survive whatever happens next.
///
///     store-worker CONFIG               serve; "ready REVISION" comes first
///     store-worker CONFIG restore FILE  restore a backup
@main
struct StoreWorker {
    static func main() async {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            let setup = try WorkerSetup(arguments.first ?? "")
            if arguments.count == 3, arguments[1] == "restore" {
                let found = try await SealedStore.restore(
                    from: arguments[2], into: setup.backend(), rootKey: try setup.rootKeys()[0])
                return say("restored \(found.revision) \(found.entries)")
            }
            let rootKeys = try setup.rootKeys()
            let store = try await SealedStore(
                setup.backend(), rootKey: rootKeys[0], formerRootKeys: Array(rootKeys.dropFirst()),
                acceptingRollback: setup.acceptsRollback)
            say("ready \(await store.revision)")
            await withTaskGroup(of: Void.self) { group in
                for await line in lines() {
                    let words = line.split(separator: " ").map(String.init)
                    group.addTask { say("\(words[0]) \(await answer(store, Array(words.dropFirst())))") }
                }
            }
        } catch {
            say("failed \(error)")
            exit(1)
        }
    }

    /// Standard input, read by a thread of its own.
    static func lines() -> AsyncStream<String> {
        AsyncStream { continuation in
            Thread.detachNewThread {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
        }
    }

    /// One write, so that lines of tasks do not mix.
    static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }

    static func answer(_ store: SealedStore, _ words: [String]) async -> String {
        do {
            return try await perform(store, words)
        } catch {
            return "failed \(error)"
        }
    }

    static func perform(_ store: SealedStore, _ words: [String]) async throws -> String {
        guard let verb = words.first else { return "failed: no verb" }
        let rest = Array(words.dropFirst())
        switch (verb, rest.count) {
        case ("put", 3):
            var value = Array(rest[2].utf8) + [0]
            value += [UInt8](repeating: 0x2E, count: max(0, (Int(rest[1]) ?? 0) - value.count))
            try await store.put(EntryFamily.plain[rest[0]], value)
            return "put"
        case ("remove", 1):
            try await store.transact([]) { $0.remove(EntryFamily.plain[rest[0]]) }
            return "removed"
        case ("create", 2):
            let key = EntryFamily.nonce[rest[0]]
            return try await store.transact([key]) { (transaction) throws(StoreFailure) in
                if let found = try transaction.read(key) {
                    return found.value == Array(rest[1].utf8) ? "mine" : "taken"
                }
                transaction.put(key, Array(rest[1].utf8))
                return "created"
            }
        case ("count", 2):
            let counter = EntryFamily.counter[rest[0]]
            let request = EntryFamily.request[rest[1]]
            return try await store.transact([counter, request]) { (transaction) throws(StoreFailure) in
                if try transaction.read(request) != nil { return "again" }
                let old = try transaction.read(counter).flatMap { Int(String(decoding: $0.value, as: UTF8.self)) } ?? 0
                transaction.put(counter, Array("\(old + 1)".utf8))
                transaction.put(request, Array(rest[0].utf8))
                return "counted"
            }
        case ("get", 1):
            guard let entry = try await store.read(EntryFamily.plain[rest[0]]) else { return "none" }
            return "got \(entry.value.count) \(String(decoding: entry.value.prefix { $0 != 0 }, as: UTF8.self))"
        case ("dump", 1):
            var lines: [String] = []
            for entry in try await store.list(EntryFamily(rawValue: rest[0])) {
                lines.append("\(entry.name)=\(String(decoding: entry.value.prefix { $0 != 0 }, as: UTF8.self))")
            }
            return "dumped " + lines.joined(separator: " ")
        case ("rotate-data", 0):
            try await store.rotateDataKey()
            return "rotated"
        case ("finish", 0):
            try await store.finishDataKeyRotation()
            return "finished"
        case ("rotate-root", 1):
            try await store.rotateRootKey(to: try FileRootKey(file: rest[0]))
            return "rotated"
        case ("backup", 1):
            let found = try await store.backup(to: rest[0])
            return "saved \(found.revision) \(found.entries)"
        case ("verify", 0):
            let found = try await store.verify()
            return "verified \(found.revision) \(found.entries) \(found.bytes)"
        case ("rotating", 0): return await store.isRotatingDataKey ? "yes" : "no"
        default: return "failed: \(verb) is not known"
        }
    }
}

/// What the JSON file says.
struct WorkerSetup {
    let json: JSONValue

    init(_ path: String) throws {
        json = try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    }

    var acceptsRollback: Bool { json["acceptsRollback"] == .bool(true) }

    /// Opens root keys; the first one's file is made where there is none.
    func rootKeys() throws -> [any RootKey] {
        try (json["rootKeys"]?.arrayValue ?? []).compactMap(\.stringValue).map { path in
            if !FileManager.default.fileExists(atPath: path) { try FileRootKey.create(file: path) }
            return try FileRootKey(file: path)
        }
    }

    func backend() throws -> any StoreBackend {
        if let path = json["sqlite"]?.stringValue { return try SQLiteBackend(path: path) }
        var configuration = EtcdConfiguration(
            endpoints: (json["etcd"]?.arrayValue ?? []).compactMap(\.stringValue),
            authorities: json["ca"]?.stringValue, certificate: json["cert"]?.stringValue, key: json["key"]?.stringValue)
        if let prefix = json["prefix"]?.stringValue { configuration.prefix = prefix }
        return try EtcdBackend(configuration)
    }
}

extension EntryFamily {
    static let plain = EntryFamily(rawValue: "plain")
    static let nonce = EntryFamily(rawValue: "nonce")
    static let counter = EntryFamily(rawValue: "counter")
    static let request = EntryFamily(rawValue: "request")
}
