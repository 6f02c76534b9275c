import Foundation
import TestSupport
import Testing

@testable import EtcdStorage
@testable import SealedStorage

@Suite("Names of replicas in etcd", .enabled(if: EtcdCluster.isInstalled, "etcd is not installed"))
struct ReplicaPresenceTests {
    private func presence(_ bench: StoreBench, _ name: String) throws -> ReplicaPresence {
        try ReplicaPresence(try #require(bench.configuration), name: name)
    }

    @Test func `a living replica keeps its name, others have theirs, and one that was given up is free`() async throws {
        let bench = try await StoreBench(.etcd)
        let first = try presence(bench, "a")
        #expect(try await first.take())
        let keeping = Task { await first.keep() }
        let second = try presence(bench, "a")
        #expect(try await !second.take())
        let other = try presence(bench, "b")
        #expect(try await other.take())
        keeping.cancel()
        await keeping.value
        await first.release()
        #expect(try await second.take())
        for presence in [second, other] { await presence.release() }
    }

    @Test func `the name of one that died is taken, and if it comes back it ends`() async throws {
        let bench = try await StoreBench(.etcd)
        let dead = try presence(bench, "a")
        #expect(try await dead.take())
        let heir = try presence(bench, "a")
        #expect(try await heir.take())
        // Returns by itself: the name is another's.
        await dead.keep()
        // It takes nothing away from the one that has the name.
        await dead.release()
        let keeping = Task { await heir.keep() }
        let third = try presence(bench, "a")
        #expect(try await !third.take())
        keeping.cancel()
        await keeping.value
        await third.close()
        await heir.release()
    }

    @Test func `of several that want a dead one's name one gets it`() async throws {
        let bench = try await StoreBench(.etcd)
        let dead = try presence(bench, "a")
        #expect(try await dead.take())
        let heirs = try (0..<3).map { _ in try presence(bench, "a") }
        let taken = try await withThrowingTaskGroup(of: Bool.self) { group in
            for heir in heirs { group.addTask { try await heir.take() } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(taken == 1)
        for presence in heirs + [dead] { await presence.release() }
    }
}
