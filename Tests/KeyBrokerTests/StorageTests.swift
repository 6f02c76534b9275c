import Envelope
import Foundation
import GRDB
import Testing
import WireFormat

@testable import KeyBroker

@Suite("Storage and set-up")
struct StorageTests {
    @Test func `what was answered is there after the broker is opened again`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        // The first broker is still open and never closed its database, as after kill -9.
        let again = try await KeyBroker(
            configuration: try BrokerConfiguration(file: bench.folder + "/config.json"), appraiser: FakeAppraiser(),
            clock: bench.time.clock)
        var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "resource", "default", "key", "one"])
        request.authorization = "Bearer \(token)"
        #expect(await again.respond(to: request).status == 200)
        #expect(again.authority.certificate(.tenant) == bench.broker.authority.certificate(.tenant))
    }

    @Test func `the database holds no secret in clear and refuses changed rows`() async throws {
        let bench = try await BrokerBench()
        let store = bench.broker.store
        let one = try ResourcePath(parsing: "a/b/one")
        let two = try ResourcePath(parsing: "a/b/two")
        try await store.putResource(one, SecretBytes(Array("find me if you can".utf8)), now: 0)
        try await store.putResource(two, SecretBytes([2]), now: 0)
        for name in ["broker.sqlite", "broker.sqlite-wal"] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(bench.folder)/\(name)"))
            #expect(bytes.range(of: Data("find me if you can".utf8)) == nil)
            let mode = try FileManager.default.attributesOfItem(atPath: "\(bench.folder)/\(name)")[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
        let database = try DatabasePool(path: bench.folder + "/broker.sqlite")
        try await database.write {
            try $0.execute(
                sql: """
                    CREATE TEMP TABLE former AS SELECT * FROM entry;
                    UPDATE entry SET blob = (SELECT blob FROM former WHERE former.name < entry.name ORDER BY name DESC)
                    WHERE length(name) = 33 AND name > (SELECT min(name) FROM former WHERE length(name) = 33);
                    """)
        }
        // All but one blob lie under the name that follows.
        var refusals = 0
        for path in [one, two] {
            do {
                _ = try await store.resource(path, now: 0)
            } catch {
                #expect(error.check == "storage-tampered")
                refusals += 1
            }
        }
        #expect(refusals >= 1)
    }

    @Test func `another root key opens no database`() async throws {
        let bench = try await BrokerBench()
        let key = bench.folder + "/root.key"
        try FileManager.default.removeItem(atPath: key)
        try PrivateFile.write(Array(Hex.encode(SecretBytes(random: 32).copyBytes()).utf8), to: key)
        let configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        let refusal = await #expect(throws: BrokerError.self) { try await KeyBroker(configuration: configuration) }
        #expect(refusal?.detail.contains("root-key") == true)
    }

    @Test func `set-up makes private files and never replaces one`() async throws {
        let bench = try await BrokerBench()
        for name in ["root.key", "tls.key", "admin.key", "release.key"] {
            let mode = try FileManager.default.attributesOfItem(atPath: "\(bench.folder)/\(name)")[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
        #expect(throws: BrokerError.self) { try BrokerSetup.run(folder: bench.folder) }
        let root = try Data(contentsOf: URL(fileURLWithPath: bench.folder + "/root.key"))
        #expect(root.count == 65)
    }

    @Test(arguments: [
        #"{"adminKeys":[]}"#, #"{"adminKeys":null}"#, #"{"listen":"8480"}"#, #"{"tokenMinutes":0}"#, #"{"extra":1}"#,
        #"{"softRoots":["00"]}"#, #"{"revocationLists":"x"}"#, #"{"tls":{"cert":"a"}}"#,
        #"{"tls":{"cert":"a","key":"b","c":1}}"#,
    ])
    func `a faulty configuration is refused`(change: String) async throws {
        let bench = try await BrokerBench()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: bench.folder + "/config.json")))
        let good = try #require(try JSONValue.parse(bytes).objectValue)
        _ = try BrokerConfiguration(parsing: bytes, folder: bench.folder)
        let changes = try #require(try JSONValue.parse(text: change).objectValue)
        let body = JSONValue.object(good.merging(changes) { $1 }).canonicalBytes
        #expect(throws: WireError.self) { try BrokerConfiguration(parsing: body, folder: bench.folder) }
    }

    @Test func `a revocation list that is not there stops the broker, and later each attestation`() async throws {
        let bench = try await BrokerBench()
        let path = bench.folder + "/genoa.crl"
        var configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        configuration.revocationLists = [path]
        let refusal = await #expect(throws: BrokerError.self) { try await KeyBroker(configuration: configuration) }
        #expect(refusal?.detail.contains(path) == true)
        try Data([1]).write(to: URL(fileURLWithPath: path))
        let appraiser = try ReportAppraiser(softRoots: [], revocationLists: [path])
        try FileManager.default.removeItem(atPath: path)
        let bundle = EvidenceBundle(
            technology: "snp", primaryEvidence: [:], reportData: [], hostData: [], initData: nil,
            allowsDebugGuest: false,
            guestVersion: nil, runtimeDataClaims: [:], references: .none)
        let failure = await #expect(throws: AppraisalFailure.self) { try await appraiser.appraise(bundle) }
        #expect(failure?.check == "revocation")
    }

    @Test(arguments: [
        ("default/1/2", true), ("repo/type/tag", true), ("123--_default/1Abff-_/___-afds44BC", true),
        ("1.ok/2ok./3...", true), ("kbs:///a/b/c", true), ("/1/2", false), ("/repo/type/tag", false), ("1/2", false),
        (".a/b/c", false), ("a/.b/c", false), ("a/b/..", false), ("a/b/c/d", false), ("a/b/c%20", false), ("", false),
    ])
    func `resource paths follow the grammar of the protocol`(text: String, good: Bool) {
        #expect(((try? ResourcePath(parsing: text)) != nil) == good)
    }
}
