import Envelope
import Foundation
import GRDB
import RootKeys
import Testing
import WireFormat

@testable import KeyBroker

/// The whole store is put back while no broker runs (R13, R14).
@Suite("A store that was put back")
struct RollbackTests {
    @Test func `stops the broker, and once accepted ends tokens that were issued since`() async throws {
        let bench = try await BrokerBench { folder, configuration in
            try FileManager.default.createDirectory(atPath: folder + "/elsewhere", withIntermediateDirectories: true)
            configuration.counter = .file(folder + "/elsewhere/counter", timeoutSeconds: 10)
        }
        var configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        configuration.counter = .file(bench.folder + "/elsewhere/counter", timeoutSeconds: 10)
        let ready = try JSONValue.parse(await bench.send("GET", "readyz").body)
        #expect(ready["rollback"] == "detected-by-file")
        let store = try DatabasePool(path: configuration.database)
        let copy = bench.folder + "/copy.sqlite"
        try await store.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [copy]) }
        #expect(try await bench.administer("POST", "resource/a/b/c", [1]).status == 200)
        let token = try await bench.broker.tokens.issue(
            guest: try AttestedGuest(
                claims: [
                    "manifest": "", "measurement": "ab", "technology": "snp", "simulated": false, "debug": false,
                    "instance": "", "epoch": 0, "binding": "launch", "tlsKey": "",
                ], encryptionKey: JSONWebKey(FakeGuest().key.publicKey).json), submodule: [:])
        let kept = try await bench.broker.tokens.rotate()
        await bench.broker.shutdown()
        try store.close()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: configuration.database + suffix)
        }
        try FileManager.default.copyItem(atPath: copy, toPath: configuration.database)
        let known = configuration
        let refusal = await #expect(throws: BrokerError.self) {
            try await KeyBroker(configuration: known, appraiser: FakeAppraiser(), clock: bench.time.clock)
        }
        #expect(refusal?.detail.contains("--accept-rollback") == true, "\(String(describing: refusal))")
        let again = try await KeyBroker(
            configuration: known, appraiser: FakeAppraiser(), clock: bench.time.clock, acceptingRollback: true)
        #expect(throws: BrokerError.self) { _ = try again.tokens.bearer(of: token) }
        #expect(again.tokens.keySet["keys"]?.arrayValue?.count == 1)
        #expect(again.tokens.keySet["keys"]?.arrayValue?.first?["kid"]?.stringValue != kept)
        // The counter is in step again.
        var request = BrokerRequest(method: "POST", path: ["kbs", "v0", "resource", "a", "b", "d"])
        request.authorization = "Bearer \(try bench.adminToken())"
        request.body = [1]
        #expect(await again.respond(to: request).status == 200)
        await again.shutdown()
        let later = try await KeyBroker(configuration: known, appraiser: FakeAppraiser(), clock: bench.time.clock)
        await later.shutdown()
    }

    @Test func `an empty store beside a file counter is refused until the operator's word makes the counter anew`()
        async throws
    {
        let bench = try await BrokerBench()
        let file = bench.folder + "/elsewhere/counter"
        try FileManager.default.createDirectory(atPath: bench.folder + "/elsewhere", withIntermediateDirectories: true)
        var configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        configuration.database = bench.folder + "/counted.sqlite"
        configuration.counter = .file(file, timeoutSeconds: 10)
        let known = configuration
        func start(accepting: Bool = false) async throws {
            let broker = try await KeyBroker(
                configuration: known, appraiser: FakeAppraiser(), clock: bench.time.clock, acceptingRollback: accepting)
            await broker.shutdown()
        }
        func empty() {
            for suffix in ["", "-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: known.database + suffix)
            }
        }
        try await start()
        let counted = try Data(contentsOf: URL(filePath: file))
        empty()
        // The second try finds the store that the first one made: nothing else.
        for _ in 0..<2 {
            let refusal = await #expect(throws: BrokerError.self) { try await start() }
            #expect(
                refusal?.detail.contains("start once with --accept-rollback") == true, "\(String(describing: refusal))")
            #expect(try Data(contentsOf: URL(filePath: file)) == counted)
        }
        try await start(accepting: true)
        #expect(try Data(contentsOf: URL(filePath: file)) != counted)
        try await start()
        // The word counts at the very first start too.
        empty()
        try await start(accepting: true)
        try await start()
        // A file that is no counter is nobody's to replace.
        try Data("{}".utf8).write(to: URL(filePath: file))
        empty()
        await #expect(throws: BrokerError.self) { try await start(accepting: true) }
        #expect(try Data(contentsOf: URL(filePath: file)) == Data("{}".utf8))
    }

    @Test func `a broker that was killed before it renewed its keys renews them at its next start`() async throws {
        let bench = try await BrokerBench()
        let configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        let backup = bench.folder + "/backup"
        _ = try await bench.broker.store.sealed.backup(to: backup)
        await bench.broker.shutdown()
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: configuration.database + suffix)
        }
        _ = try await StoreUpkeep(configuration).restore(from: backup)
        // Accepted, and killed before anything else.
        let accepted = try await configuration.openStore(acceptingRollback: true)
        await accepted.sealed.shutdown()
        for isFirst in [true, false] {
            let broker = try await KeyBroker(
                configuration: configuration, appraiser: FakeAppraiser(), clock: bench.time.clock)
            #expect(throws: BrokerError.self) { try broker.tokens.bearer(of: token) }
            let said = String(decoding: broker.audit.lines(since: 0), as: UTF8.self)
            #expect(said.split(separator: "\n").count { $0.contains("a store that was put back was accepted") } == 1)
            // The second start has nothing to renew.
            #expect(await broker.store.sealed.wasRolledBack == isFirst)
            await broker.shutdown()
        }
    }
}
