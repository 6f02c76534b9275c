import Envelope
import Foundation
import GRDB
import RootKeys
import Synchronization
import TestSupport
import Testing

@testable import EtcdStorage
@testable import SealedStorage

/// The databases that the suites run on.
enum StoreKind: String, CaseIterable, Sendable {
    case sqlite, etcd

    /// Those that are installed; a test of its own shows when etcd is not.
    static let here = EtcdCluster.isInstalled ? allCases : [.sqlite]
}

/// A store in a folder or under a prefix of its own, the means to open it again, and those of whoever runs the database.
final class StoreBench: Sendable {
    let kind: StoreKind
    let folder: String
    let rootKey = KeptKey()
    let configuration: EtcdConfiguration?

    init(_ kind: StoreKind = .sqlite, on cluster: EtcdCluster? = nil) async throws {
        self.kind = kind
        folder = NSTemporaryDirectory() + "testudo-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        switch kind {
        case .sqlite: configuration = nil
        case .etcd:
            let cluster = if let cluster { cluster } else { try await EtcdCluster.shared.value }
            configuration = cluster.configuration(prefix: "test-" + UUID().uuidString)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var path: String { folder + "/store.sqlite" }

    func backend() throws -> any StoreBackend {
        if let configuration { return try EtcdBackend(configuration) }
        return try SQLiteBackend(path: path)
    }

    func open(counter: (any RollbackCounter)? = nil, acceptingRollback: Bool = false) async throws -> SealedStore {
        try await SealedStore(
            try backend(), rootKey: rootKey,
            counter: counter.map { counter in CounterAccess(kind: counter.kind, open: { _ in counter }) },
            acceptingRollback: acceptingRollback)
    }

    /// A row as the database's operator sees it.
    struct Row: Sendable {
        var name: [UInt8]
        var value: [UInt8]
        var position: Int64
    }

    /// What the operator reads.
    func rows() async throws -> [Row] {
        if let configuration {
            let backend = try EtcdBackend(configuration)
            let start = backend.layout.entry([])
            let found = try await backend.pages(start, EtcdLayout.end(start), at: 0)
            await backend.shutdown()
            return found.map { Row(name: backend.layout.name($0.key) ?? [], value: Array($0.value), position: 0) }
        }
        return try await DatabasePool(path: path).read { database in
            try GRDB.Row.fetchAll(database, sql: "SELECT * FROM entry").map { row in
                Row(name: Array(row["name"] as Data), value: Array(row["blob"] as Data), position: row["position"])
            }
        }
    }

    /// What the operator writes.
    func change(set rows: [Row] = [], remove names: [[UInt8]] = []) async throws {
        if let configuration {
            let backend = try EtcdBackend(configuration)
            for name in names {
                var request = Etcdserverpb_DeleteRangeRequest()
                request.key = backend.layout.entry(name)
                try await backend.client.delete(request)
            }
            for row in rows {
                var request = Etcdserverpb_PutRequest()
                request.key = backend.layout.entry(row.name)
                request.value = Data(row.value)
                try await backend.client.put(request)
            }
            return await backend.shutdown()
        }
        try await DatabasePool(path: path).write { database in
            for name in names {
                try database.execute(sql: "DELETE FROM entry WHERE name = ?", arguments: [Data(name)])
            }
            for row in rows {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)",
                    arguments: [Data(row.name), Data(row.value), row.position])
            }
        }
    }
}

extension EtcdCluster {
    /// How the store reaches this cluster.
    func configuration(prefix: String) -> EtcdConfiguration {
        EtcdConfiguration(
            endpoints: endpoints, authorities: workshop.path("ca.pem"), certificate: workshop.path("client.pem"),
            key: workshop.path("client.key"), prefix: prefix, totalTimeout: .seconds(30))
    }
}

/// A root key that a test holds. It wraps by exclusive or, which only a test may do.
struct KeptKey: RootKey {
    let kind = "kept"
    private let pad = SecretBytes(random: 32)

    func wrap(_ key: SecretBytes, context: [UInt8]) async throws(RootKeyFailure) -> [UInt8] {
        zip(key.copyBytes(), pad.copyBytes()).map { $0 ^ $1 }
    }

    func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(RootKeyFailure) -> SecretBytes {
        SecretBytes(zip(wrapped, pad.copyBytes()).map { $0 ^ $1 })
    }
}

/// A counter in memory.
final class KeptCounter: RollbackCounter {
    let kind = "kept"
    let wears: Bool
    private let number = Mutex<UInt64>(7)

    init(wears: Bool) { self.wears = wears }

    func value() async throws(RootKeyFailure) -> UInt64 { number.withLock { $0 } }
    func advance() async throws(RootKeyFailure) -> UInt64 {
        number.withLock {
            $0 += 1
            return $0
        }
    }
}

extension EntryFamily {
    static let fruit = EntryFamily(rawValue: "fruit")
    static let stone = EntryFamily(rawValue: "stone")
}

/// Tells tasks that it is over.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}
