import Envelope
import Foundation
import RootKeys
import Synchronization

@testable import SealedStorage

/// A store in a folder of its own, and the means to open it again.
final class StoreBench: Sendable {
    let folder: String
    let rootKey = KeptKey()

    init() throws {
        folder = NSTemporaryDirectory() + "testudo-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var path: String { folder + "/store.sqlite" }

    func open(counter: (any RollbackCounter)? = nil, acceptingRollback: Bool = false) async throws -> SealedStore {
        try await SealedStore(
            try SQLiteBackend(path: path), rootKey: rootKey,
            counter: counter.map { counter in CounterAccess(kind: counter.kind, open: { _ in counter }) },
            acceptingRollback: acceptingRollback)
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
