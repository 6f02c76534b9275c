import Envelope
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import EtcdStorage
@testable import SealedStorage

@Suite("The store on etcd", .enabled(if: EtcdCluster.isInstalled, "etcd is not installed"))
struct EtcdTests {
    // MARK: Large entries

    @Test func `a large entry lies in pieces that go with it`() async throws {
        let bench = try await StoreBench(.etcd)
        let one = try await bench.open()
        let two = try await bench.open()
        let value = (0..<16 << 20).map { UInt8(truncatingIfNeeded: $0 / 7) }
        try await one.put(EntryFamily.fruit["large"], value)
        #expect(try await Self.pieces(bench).count == 33)
        #expect(try await two.read(EntryFamily.fruit["large"])?.value == value)
        #expect(try await two.list(.fruit).first?.value.count == value.count)
        try await two.put(EntryFamily.fruit["large"], .init(repeating: 1, count: 100_000))
        #expect(try await Self.pieces(bench).count == 1)
        #expect(try await one.read(EntryFamily.fruit["large"])?.value.count == 100_000)
        try await one.transact([]) { $0.remove(EntryFamily.fruit["large"]) }
        #expect(try await Self.pieces(bench).isEmpty)
        // Many small ones in one transaction are more than a request takes, too.
        try await one.transact([]) { transaction in
            for number in 0..<60 { transaction.put(EntryFamily.fruit["\(number)"], .init(repeating: 3, count: 50_000)) }
        }
        #expect(try await two.list(.fruit).map(\.value.count) == .init(repeating: 50_000, count: 60))
        #expect(try await two.verify().entries == 60)
    }

    @Test(arguments: ["change", "remove", "swap", "add", "shorten"])
    func `pieces that somebody changed are refused`(attack: String) async throws {
        let bench = try await StoreBench(.etcd)
        let store = try await bench.open()
        try await store.put(EntryFamily.fruit["large"], .init(repeating: 7, count: 2 << 20))
        let backend = try EtcdBackend(try #require(bench.configuration))
        var pieces = try await Self.pieces(bench)
        switch attack {
        case "change": pieces[1].value[1000] ^= 1
        case "swap": (pieces[1].value, pieces[2].value) = (pieces[2].value, pieces[1].value)
        case "shorten": pieces[4].value.removeLast()
        case "add": pieces[1].key.append(0x30)
        default:
            var request = Etcdserverpb_DeleteRangeRequest()
            request.key = pieces[2].key
            try await backend.client.delete(request)
        }
        for piece in pieces where attack != "remove" { try await Self.put(piece.key, piece.value, backend) }
        let failure = await #expect(throws: StoreFailure.self) {
            _ = try await store.read(EntryFamily.fruit["large"])
        }
        #expect(failure?.kind == .tampered)
        await backend.shutdown()
    }

    @Test func `loose pieces are swept, and a commit whose pieces were swept writes them again`() async throws {
        let bench = try await StoreBench(.etcd)
        let store = try await bench.open()
        try await store.put(EntryFamily.fruit["kept"], .init(repeating: 7, count: 1 << 20))
        let backend = try EtcdBackend(try #require(bench.configuration))
        let blob = [UInt8](repeating: 1, count: 600_000)
        try await backend.attempt("testing") { () throws(EtcdError) in
            try await backend.writePieces(of: blob, PieceReference(blob))
        }
        #expect(try await Self.pieces(bench).count == 5)
        // Seen once they may belong to a commit that is under way.
        try await backend.sweep()
        try await backend.sweep()
        #expect(try await Self.pieces(bench).count == 5)
        try await backend.sweep(after: .zero)
        #expect(try await Self.pieces(bench).count == 3)
        #expect(try await store.read(EntryFamily.fruit["kept"])?.value.count == 1 << 20)
        // Somebody sweeps without mercy while large entries are written.
        let isDone = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !isDone.isSet, !Task.isCancelled {
                    try await backend.sweep(after: .zero)
                    try await Task.sleep(for: .milliseconds(300))
                }
            }
            for number in 0..<6 {
                try await store.put(EntryFamily.fruit["\(number)"], .init(repeating: 1, count: 700_000))
            }
            isDone.set()
            try await group.waitForAll()
        }
        #expect(try await bench.open().verify().entries == 7)
        await backend.shutdown()
    }

    @Test func `pieces that a commit takes between a sweep's look and its removal stay`() async throws {
        let bench = try await StoreBench(.etcd)
        let store = try await bench.open()
        let backend = try EtcdBackend(try #require(bench.configuration))
        let keys = await store.keyring
        let (wanted, abandoned) = ([UInt8](repeating: 1, count: 600_000), [UInt8](repeating: 2, count: 600_000))
        try await backend.attempt("testing") { () throws(EtcdError) in
            try await backend.writePieces(of: abandoned, PieceReference(abandoned))
        }
        var look = try await backend.attempt("testing") { () throws(EtcdError) in
            try await backend.loosePieces(for: .zero)
        }
        #expect(look.ids.count == 1)
        var position = await store.index.position
        let entry = StoreChange(name: keys.storedName(EntryFamily.fruit["large"]), blob: wanted)
        for (revision, changes) in [[entry], [], []].enumerated() {
            let head = try keys.seal(
                record: [UInt8](repeating: 0, count: 81), name: StoredName.head, version: UInt64(revision) + 2)
            let made = try await backend.commit(
                changes + [StoreChange(name: StoredName.head, blob: head)], at: position)
            position = try #require(made)
        }
        // As a look finds them when the commit has written its pieces and not yet its entry.
        look.ids = Set(try await Self.pieces(bench).compactMap { backend.layout.id($0.key) })
        #expect(look.ids.count == 2)
        try await backend.attempt("testing") { [look] () throws(EtcdError) in try await backend.remove(look) }
        #expect(try await Self.pieces(bench).count == PieceReference(wanted).count)
        #expect(try await backend.read([entry.name]) == [entry.name: wanted])
        await backend.shutdown()
    }

    // MARK: Lost answers

    @Test func `a commit whose answer was lost is not done twice, whoever writes meanwhile`() async throws {
        let bench = try await StoreBench(.etcd)
        let other = try await bench.open()
        let lossy = FailingBackend(try bench.backend())
        let store = try await SealedStore(lossy, rootKey: bench.rootKey)
        lossy.meanwhile.withLock { $0 = { try? await other.put(EntryFamily.stone["meanwhile"], [1]) } }
        for round in 0..<10 {
            lossy.answersToLose.withLock { $0 = 1 + round % 2 }
            let isNew = try await store.transact([EntryFamily.fruit["\(round)"], EntryFamily.fruit["count"]]) {
                (transaction) throws(StoreFailure) in
                guard try transaction.read(EntryFamily.fruit["\(round)"]) == nil else { return false }
                let count = try transaction.read(EntryFamily.fruit["count"])?.value.first ?? 0
                transaction.put(EntryFamily.fruit["count"], [count + 1])
                transaction.put(EntryFamily.fruit["\(round)"], [1])
                return true
            }
            #expect(isNew)
        }
        #expect(try await other.read(EntryFamily.fruit["count"])?.value == [10])
        // Three lost answers in a row are said to be lost.
        lossy.answersToLose.withLock { $0 = 3 }
        let failure = await #expect(throws: StoreFailure.self) { try await store.put(EntryFamily.fruit["last"], [1]) }
        #expect(failure?.kind == .unsure)
        #expect(try await store.read(EntryFamily.fruit["last"])?.value == [1])
    }

    @Test func `the same commit again answers the place it got, another one that it came too late`() async throws {
        let bench = try await StoreBench(.etcd)
        let store = try await bench.open()
        let backend = try bench.backend()
        let index = await store.index
        let keys = await store.keyring
        func head(_ revision: UInt64) throws -> [StoreChange] {
            [
                StoreChange(
                    name: StoredName.head,
                    blob: try keys.seal(
                        record: [UInt8](repeating: 0, count: 81), name: StoredName.head, version: revision))
            ]
        }
        let (first, rival, second) = (try head(2), try head(2), try head(3))
        let made = try #require(try await backend.commit(first, at: index.position))
        #expect(try await backend.commit(first, at: index.position) == made)
        #expect(try await backend.commit(rival, at: index.position) == nil)
        let next = try #require(try await backend.commit(second, at: made))
        #expect(try await backend.commit(first, at: index.position) == made)
        #expect(try await backend.commit(rival, at: index.position) == nil)
        #expect(try await backend.commit(second, at: made) == next)
        await backend.shutdown()
    }

    // MARK: What etcd does

    @Test func `compaction hides nothing and journals that were changed mislead nobody`() async throws {
        let bench = try await StoreBench(.etcd)
        let one = try await bench.open()
        let two = try await bench.open()
        let backend = try EtcdBackend(try #require(bench.configuration))
        let cluster = try await EtcdCluster.shared.value
        for number in 0..<300 { try await one.put(EntryFamily.fruit["\(number)"], [UInt8(number % 256)]) }
        let isDone = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !isDone.isSet, !Task.isCancelled {
                    let answer = try? await backend.client.range(backend.request(Data("x".utf8)))
                    _ = try? cluster.control(["compact", "\(answer?.header.revision ?? 1)"])
                }
            }
            group.addTask {
                while !isDone.isSet, !Task.isCancelled { try await two.put(EntryFamily.stone["a"], [1]) }
            }
            for _ in 0..<10 { #expect(try await one.list(.fruit).count == 300) }
            #expect(try await bench.open().list(.fruit).count == 300)
            isDone.set()
            try await group.waitForAll()
        }
        // The journal says that nothing changed, or nonsense, or is gone.
        for (round, value) in [Data(), Data(repeating: 7, count: 100), nil].enumerated() {
            try await two.put(EntryFamily.fruit["new\(round)"], [1])
            for slot in [await two.revision, await two.revision - 1] {
                let key = backend.layout.journal(slot)
                if let value {
                    try await Self.put(key, value, backend)
                } else {
                    var request = Etcdserverpb_DeleteRangeRequest()
                    request.key = key
                    try await backend.client.delete(request)
                }
            }
            #expect(try await one.read(EntryFamily.fruit["new\(round)"])?.value == [1])
        }
        // One that leaves out what was written.
        try await two.put(EntryFamily.fruit["quiet"], [1])
        let key = backend.layout.journal(await two.revision)
        let found = try await backend.client.range(backend.request(key)).kvs[0]
        let record = try #require(JournalRecord(found.value))
        let head = try await backend.read([StoredName.head])[StoredName.head]
        let liar = JournalRecord(
            head: try #require(head), previous: record.previous, names: [StoredName.head])
        try await Self.put(key, liar.bytes, backend)
        #expect(try await one.list(.fruit).count == 304)
        await backend.shutdown()
    }

    @Test func `a full etcd says so, and goes on when there is room`() async throws {
        let cluster = try await EtcdCluster(members: 1, options: ["--quota-backend-bytes", "3000000"])
        let bench = try await StoreBench(.etcd, on: cluster)
        let store = try await bench.open()
        try await store.put(EntryFamily.fruit["first"], [1])
        let failure = await #expect(throws: StoreFailure.self) {
            for number in 0..<200 {
                // The same few again and again: what fills etcd is their history.
                try await store.put(EntryFamily.fruit["\(number % 4)"], .init(repeating: 1, count: 60_000))
            }
        }
        #expect(failure?.kind == .full, "\(String(describing: failure))")
        // Reading goes on, and what was there is there.
        #expect(try await store.read(EntryFamily.fruit["first"])?.value == [1])
        #expect(try await bench.open().verify().entries == 5)
        let status = String(decoding: try cluster.control(["endpoint", "status", "-w", "fields"]), as: UTF8.self)
        let revision =
            status.split(separator: "\n").first { $0.hasPrefix("\"Revision\"") }?
            .split(separator: " ").last.map(String.init) ?? "1"
        try cluster.control(["compact", revision])
        try cluster.control(["defrag"])
        try cluster.control(["alarm", "disarm"])
        try await store.put(EntryFamily.fruit["again"], [2])
        #expect(try await store.read(EntryFamily.fruit["again"])?.value == [2])
    }

    @Test func `whom etcd does not know gets nothing, and whom it lets in sees one prefix`() async throws {
        let cluster = try await EtcdCluster(members: 1)
        var configuration = cluster.configuration(prefix: "bank")
        configuration.totalTimeout = .seconds(2)
        let plain = try EtcdBackend(configuration)
        _ = try await plain.changes(after: 0)
        // Another authority on either side.
        var other = configuration
        other.authorities = cluster.workshop.path("stranger.pem")
        var bare = configuration
        (bare.certificate, bare.key) = (nil, nil)
        for wrong in [other, bare] {
            let backend = try EtcdBackend(wrong)
            let failure = await #expect(throws: StoreFailure.self) { _ = try await backend.changes(after: 0) }
            #expect(failure?.kind == .unreachable)
            await backend.shutdown()
        }
        // A file of authorities that is replaced.
        let authorities = NSTemporaryDirectory() + "authorities-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: authorities) }
        try FileManager.default.copyItem(atPath: cluster.workshop.path("stranger.pem"), toPath: authorities)
        var renewed = configuration
        renewed.authorities = authorities
        let reloading = try EtcdBackend(renewed)
        await #expect(throws: StoreFailure.self) { _ = try await reloading.changes(after: 0) }
        try FileManager.default.removeItem(atPath: authorities)
        try FileManager.default.copyItem(atPath: cluster.workshop.path("ca.pem"), toPath: authorities)
        try reloading.reload()
        _ = try await reloading.changes(after: 0)
        await reloading.shutdown()
        try cluster.control(["user", "add", "root", "--new-user-password", "r"])
        try cluster.control(["user", "add", "broker", "--new-user-password", "secret"])
        try cluster.control(["role", "add", "broker"])
        try cluster.control(["role", "grant-permission", "broker", "--prefix=true", "readwrite", "bank/"])
        try cluster.control(["user", "grant-role", "broker", "broker"])
        try cluster.control(["user", "grant-role", "root", "root"])
        try cluster.control(["auth", "enable"])
        await #expect(throws: StoreFailure.self) { _ = try await plain.changes(after: 0) }
        configuration.user = "broker"
        configuration.password = SecretBytes(Array("wrong".utf8))
        let wrong = try EtcdBackend(configuration)
        let failure = await #expect(throws: StoreFailure.self) { _ = try await wrong.changes(after: 0) }
        #expect(failure?.reason.contains("password") == true, "\(String(describing: failure))")
        configuration.password = SecretBytes(Array("secret".utf8))
        configuration.totalTimeout = .seconds(20)
        let store = try await SealedStore(try EtcdBackend(configuration), rootKey: KeptKey())
        try await store.put(EntryFamily.fruit["a"], .init(repeating: 1, count: 200_000))
        #expect(try await store.read(EntryFamily.fruit["a"])?.value.count == 200_000)
        // etcd forgets its tokens when rights change; nobody notices.
        try cluster.control(["--user", "root:r", "user", "add", "guest", "--new-user-password", "g"])
        try await store.put(EntryFamily.fruit["b"], [1])
        configuration.prefix = "other"
        let stranger = try EtcdBackend(configuration)
        let denied = await #expect(throws: StoreFailure.self) { _ = try await stranger.changes(after: 0) }
        #expect(denied?.kind == .failed)
        for backend in [plain, wrong, stranger] { await backend.shutdown() }
    }

    @Test(arguments: [
        "etcd:2379", "https://host", "https://:2379", "http://10.0.0.1:2379", "https://host:70000", "https://a/b:2379",
    ])
    func `endpoints that cannot be right are refused`(url: String) {
        let failure = #expect(throws: StoreFailure.self) {
            _ = try EtcdBackend(EtcdConfiguration(endpoints: [url], authorities: "/dev/null"))
        }
        #expect(failure?.reason.contains(url) == true)
    }

    static func pieces(_ bench: StoreBench) async throws -> [Etcdserverpb_KeyValue] {
        let backend = try EtcdBackend(try #require(bench.configuration))
        let found = try await backend.pages(backend.layout.pieces, EtcdLayout.end(backend.layout.pieces), at: 0)
        await backend.shutdown()
        return found
    }

    static func put(_ key: Data, _ value: Data, _ backend: EtcdBackend) async throws {
        var request = Etcdserverpb_PutRequest()
        request.key = key
        request.value = value
        try await backend.client.put(request)
    }
}
