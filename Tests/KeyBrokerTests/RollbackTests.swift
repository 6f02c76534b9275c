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
