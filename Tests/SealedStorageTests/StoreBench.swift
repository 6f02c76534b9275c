import Envelope
import Foundation
import Synchronization

@testable import SealedStorage

/// A store in a folder of its own, and the means to open it again.
final class StoreBench: Sendable {
    let folder: String
    let guardian = KeptKey()

    init() throws {
        folder = NSTemporaryDirectory() + "testudo-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var path: String { folder + "/store.sqlite" }

    func open(
        witness: (any RollbackWitness)? = nil, acceptingRollback: Bool = false
    ) async throws -> SealedStore {
        try await SealedStore(
            try SQLiteBackend(path: path), guardian: guardian, witness: witness, acceptingRollback: acceptingRollback)
    }
}

/// A root key that a test holds; it wraps by exclusive or with a hash-free pad, which only a test may do.
struct KeptKey: MasterKeyGuard {
    let kind = "kept"
    private let pad = SecretBytes(random: 32)

    func wrap(_ key: SecretBytes, context: [UInt8]) async throws(StoreFailure) -> [UInt8] {
        zip(key.copyBytes(), pad.copyBytes()).map { $0 ^ $1 }
    }

    func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(StoreFailure) -> SecretBytes {
        SecretBytes(zip(wrapped, pad.copyBytes()).map { $0 ^ $1 })
    }
}

/// A witness in memory.
final class KeptNumber: RollbackWitness {
    let kind = "kept"
    let commitsPerNumber: Int
    private let number = Mutex<UInt64>(0)

    init(commitsPerNumber: Int = 1) { self.commitsPerNumber = commitsPerNumber }

    func highest() async throws(StoreFailure) -> UInt64 { number.withLock { $0 } }
    func raise(to value: UInt64) async throws(StoreFailure) { number.withLock { $0 = value } }
}

extension EntryFamily {
    static let fruit = EntryFamily(rawValue: "fruit")
    static let stone = EntryFamily(rawValue: "stone")
}
