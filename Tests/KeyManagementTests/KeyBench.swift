import Envelope
import Foundation
import RootKeys
import Synchronization

@testable import KeyManagement
@testable import SealedStorage

/// A sealed store in a folder of its own, a clock that a test moves, and callers.
final class KeyBench: Sendable {
    let folder: String
    let clock = TestClock()
    private let rootKey = KeptKey()

    init() throws {
        folder = NSTemporaryDirectory() + "testudo-keys-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func store() async throws -> SealedStore {
        try await SealedStore(try SQLiteBackend(path: folder + "/store.sqlite"), rootKey: rootKey)
    }

    func keys(policy: any KeyPolicy = AllowAll()) async throws -> KeyStore {
        KeyStore(try await store(), policy: policy, now: clock.read)
    }

    static let admin = KeyCaller.administrator(namespaces: ["bank"])
    static let guest = KeyCaller.guest(AttestedCaller(manifest: String(repeating: "a", count: 64)))

    static func name(_ text: String) throws -> KeyName { try KeyName(namespace: "bank", name: text) }
}

/// Seconds since 1970, as a test says.
final class TestClock: Sendable {
    private let value = Mutex<Int64>(1_800_000_000)
    var read: @Sendable () -> Int64 { { self.now } }
    var now: Int64 { value.withLock { $0 } }
    func pass(_ seconds: Int64) { value.withLock { $0 += seconds } }
}

/// Lets every guest do everything, so that a refusal comes from somewhere else.
struct AllowAll: KeyPolicy {
    func decide(_ caller: AttestedCaller, _ key: KeyName, _ operation: KeyOperation) async -> KeyDecision {
        KeyDecision(isAllowed: true, check: "test", reason: "a test allows everything")
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
