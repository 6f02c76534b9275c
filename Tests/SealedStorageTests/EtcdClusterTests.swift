import Foundation
import Synchronization
import TestSupport
import Testing

@testable import EtcdStorage
@testable import SealedStorage

@Suite("The store on a cluster", .enabled(if: EtcdCluster.isInstalled, "etcd is not installed"), .serialized)
struct EtcdClusterTests {
    enum Disturbance: String, CaseIterable {
        case killedMember, killedLeader, stoppedLeader, movedLeader, removedMember
    }

    @Test(arguments: Disturbance.allCases)
    func `writers go on while a member fails`(disturbance: Disturbance) async throws {
        let cluster = try await EtcdCluster(members: 3)
        let bench = try await StoreBench(.etcd, on: cluster)
        let stores = [try await bench.open(), try await bench.open(), try await bench.open()]
        let isDone = Flag()
        let counts = try await withThrowingTaskGroup(of: (String, Int).self) { group in
            for (place, store) in stores.enumerated() {
                for writer in 0..<3 {
                    group.addTask {
                        let own = EntryFamily.fruit["\(place)-\(writer)"]
                        let shared = EntryFamily.stone["all"]
                        var count = 0
                        while !isDone.isSet, !Task.isCancelled {
                            try await store.transact([own, shared]) { (transaction) throws(StoreFailure) in
                                for key in [own, shared] {
                                    let old = try transaction.read(key).flatMap {
                                        Int(String(decoding: $0.value, as: UTF8.self))
                                    }
                                    transaction.put(key, Array("\((old ?? 0) + 1)".utf8))
                                }
                            }
                            count += 1
                        }
                        return (own.name, count)
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(500))
            let leader = try cluster.leader()
            let follower = (leader + 1) % 3
            switch disturbance {
            case .killedMember, .killedLeader:
                let place = disturbance == .killedLeader ? leader : follower
                cluster.kill(place)
                try await Task.sleep(for: .seconds(3))
                try cluster.start(place)
                try await Task.sleep(for: .seconds(1))
            case .stoppedLeader:
                cluster.pause(leader)
                try await Task.sleep(for: .seconds(10))
                cluster.resume(leader)
                try await Task.sleep(for: .seconds(1))
            case .movedLeader:
                for step in 1...3 {
                    let members = try Self.members(cluster)
                    try cluster.control(["move-leader", members[(leader + step) % 3]], at: (leader + step - 1) % 3)
                    try await Task.sleep(for: .milliseconds(500))
                }
            case .removedMember:
                // etcd refuses while it has not seen all members for five seconds.
                let member = try Self.members(cluster)[follower]
                while (try? cluster.control(["member", "remove", member], at: leader)) == nil {
                    try await Task.sleep(for: .seconds(1))
                }
                try await Task.sleep(for: .seconds(2))
            }
            isDone.set()
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        let fresh = try await bench.open()
        for (name, count) in counts {
            let stored = try #require(try await fresh.read(EntryFamily.fruit[name])).value
            #expect(String(decoding: stored, as: UTF8.self) == "\(count)", "\(name)")
        }
        let all = try #require(try await fresh.read(EntryFamily.stone["all"])).value
        #expect(String(decoding: all, as: UTF8.self) == "\(counts.values.reduce(0, +))")
        #expect(counts.values.allSatisfy { $0 > 1 })
        for store in stores { #expect(try await store.verify().entries == 10) }
    }

    @Test func `without a majority it says unreachable, and goes on when there is one`() async throws {
        let cluster = try await EtcdCluster(members: 3)
        var configuration = cluster.configuration(prefix: "few")
        configuration.totalTimeout = .seconds(4)
        let store = try await SealedStore(try EtcdBackend(configuration), rootKey: KeptKey())
        try await store.put(EntryFamily.fruit["a"], [1])
        cluster.kill(0)
        cluster.kill(1)
        let write = await #expect(throws: StoreFailure.self) { try await store.put(EntryFamily.fruit["b"], [1]) }
        #expect(write?.kind == .unreachable)
        let read = await #expect(throws: StoreFailure.self) { _ = try await store.read(EntryFamily.fruit["a"]) }
        #expect(read?.kind == .unreachable)
        try cluster.start(0)
        try cluster.start(1)
        let end = ContinuousClock.now + .seconds(30)
        while true {
            do {
                try await store.put(EntryFamily.fruit["b"], [1])
                break
            } catch {
                try #require(ContinuousClock.now < end)
            }
        }
        #expect(try await store.list(.fruit).count == 2)
    }

    /// The members' ids by their place.
    private static func members(_ cluster: EtcdCluster) throws -> [String] {
        let lines = String(decoding: try cluster.control(["member", "list"]), as: UTF8.self).split(separator: "\n")
        return try cluster.endpoints.indices.map { place in
            let line = try #require(lines.first { $0.contains(", m\(place),") })
            return String(line.prefix { $0 != "," })
        }
    }
}
