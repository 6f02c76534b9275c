import Crypto
import CryptoExtras
import Envelope
import Foundation
import Synchronization
import TestSupport
import Testing
import WireFormat

@testable import KeyBroker

/// What is in memory of a replica, when the store is slow or does not answer.
@Suite("Replicas and their memory")
struct ReplicaMemoryTests {
    /// Gives out answers in order, and holds the first one back until a test lets it go.
    private final class Slow<Value: Sendable>: Sendable {
        private struct State {
            var answers: [Value]
            var asked = 0
            var isOpen = false
        }

        private let state: Mutex<State>

        init(_ answers: [Value]) { state = Mutex(State(answers: answers)) }

        var asked: Int { state.withLock { $0.asked } }
        func open() { state.withLock { $0.isOpen = true } }

        func next() async -> Value {
            let (answer, isFirst) = state.withLock { state in
                state.asked += 1
                return (state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0], state.asked == 1)
            }
            while isFirst, !Task.isCancelled, !state.withLock({ $0.isOpen }) {
                try? await Task.sleep(for: .milliseconds(2))
            }
            return answer
        }
    }

    private struct SlowPolicies: PolicyStorage {
        let slow: Slow<(documents: [String: [UInt8]], revision: UInt64)>

        func load() async throws(BrokerError) -> (documents: [String: [UInt8]], revision: UInt64) {
            await slow.next()
        }
        func save(
            _ id: String, _ document: [UInt8]?, tenant: String?,
            if check: @escaping @Sendable ([String: [UInt8]], Tenant?) throws(BrokerError) -> Void
        ) async throws(BrokerError) {}
    }

    @Test func `policies that were read before others do not take their place`() async throws {
        let deny = try PathPolicy(
            id: "closed", prefix: ["acme"], standing: .needed, source: "package policy\ndefault allow := false\n")
        let slow = Slow<(documents: [String: [UInt8]], revision: UInt64)>([([:], 7), (["closed": deny.document], 8)])
        let policies = ResourcePolicies(storage: SlowPolicies(slow: slow))
        let first = Task { try await policies.reload().map(\.id) }
        while slow.asked == 0 { try await Task.sleep(for: .milliseconds(2)) }
        #expect(try await policies.reload().map(\.id) == ["closed"])
        slow.open()
        #expect(try await first.value == ["closed"])
        #expect(try await policies.policy(for: ["acme", "key", "one"])?.id == "closed")
        #expect(slow.asked == 2)
    }

    @Test func `tenants that were read before others do not take their place`() async throws {
        let acme = try Tenant(name: "acme", body: ["admins": [], "repositories": ["acme"]])
        let slow = Slow<(tenants: [Tenant], revision: UInt64)>([([], 7), ([acme], 8)])
        let tenants = TenantTable { () throws(BrokerError) in await slow.next() }
        let first = Task { try await tenants.reload().map(\.name) }
        while slow.asked == 0 { try await Task.sleep(for: .milliseconds(2)) }
        #expect(try await tenants.reload().map(\.name) == ["acme"])
        slow.open()
        #expect(try await first.value == ["acme"])
        #expect(try await tenants.owner(ofPrefix: ["acme"])?.name == "acme")
        #expect(slow.asked == 2)
    }

    @Test(.enabled(if: EtcdCluster.isInstalled, "etcd is not installed"))
    func `a replica whose store does not answer decides nothing, and knows what was withdrawn when it does`()
        async throws
    {
        let cluster = try await EtcdCluster(members: 1)
        let folder = NSTemporaryDirectory() + "testudo-replicas-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        let time = HandClock()
        func replica(_ name: String) async throws -> KeyBroker {
            var configuration = try BrokerConfiguration(file: folder + "/config.json")
            var fields = try JSONFields(
                [
                    "endpoints": .array(cluster.endpoints.map { .string($0) }), "prefix": "replicas",
                    "ca": .string(cluster.workshop.path("ca.pem")),
                    "certificate": .string(cluster.workshop.path("client.pem")),
                    "key": .string(cluster.workshop.path("client.key")),
                ], path: "etcd")
            configuration.etcd = try EtcdSettings(&fields) { $0 }
            (configuration.database, configuration.replica) = ("", name)
            configuration.auditLog = folder + "/audit-\(name).jsonl"
            return try await KeyBroker(configuration: configuration, appraiser: FakeAppraiser(), clock: time.clock)
        }
        let (one, two) = (try await replica("one"), try await replica("two"))
        let admin = try FolderKeys(folder, time)
        let guest = FakeGuest()
        try await admin.prepare(guest, at: one)
        try await two.followReplicas()
        let cookie = try await admin.attest(guest, at: one)
        #expect(await admin.read(cookie, at: two) == 200)
        try await admin.call("PUT", "testudo/revocations/measurement/\(guest.measurement)", at: one)
        // What it knows is too old to decide on, and nothing can be looked at.
        cluster.kill(0)
        two.followed.mark(ago: .seconds(60))
        #expect(await admin.read(cookie, at: two) == 503)
        try cluster.start(0)
        two.followed.mark(ago: .seconds(60))
        var status = 503
        for _ in 0..<50 where status == 503 {
            status = await admin.read(cookie, at: two)
            if status == 503 { try await Task.sleep(for: .milliseconds(200)) }
        }
        #expect(status == 403)
        await one.shutdown()
        await two.shutdown()
    }
}

/// Calls brokers that share the files of a folder.
private struct FolderKeys {
    let admin: Curve25519.Signing.PrivateKey
    let release: Curve25519.Signing.PrivateKey
    let time: HandClock

    init(_ folder: String, _ time: HandClock) throws {
        admin = try .init(pemRepresentation: try String(contentsOfFile: folder + "/admin.key", encoding: .utf8))
        release = try .init(pemRepresentation: try String(contentsOfFile: folder + "/release.key", encoding: .utf8))
        self.time = time
    }

    @discardableResult
    func call(_ method: String, _ path: String, _ body: [UInt8] = [], at broker: KeyBroker) async throws
        -> BrokerResponse
    {
        var request = BrokerRequest(method: method, path: ["kbs", "v0"] + path.split(separator: "/").map(String.init))
        request.body = body
        let token = try JWS.signEdDSA(claims: ["role": "admin", "exp": .integer(time.now + 300)], key: admin)
        request.authorization = "Bearer \(token)"
        let response = await broker.respond(to: request)
        try #require(response.status == 200, "\(path): \(String(decoding: response.body, as: UTF8.self))")
        return response
    }

    func prepare(_ guest: FakeGuest, at broker: KeyBroker) async throws {
        let registration: JSONValue = [
            "name": "hello", "namespace": "default", "resources": ["default/key/one"],
            "measurements": "any-reference", "guestVersion": "0.1.0",
        ]
        let values: JSONValue = [
            "version": "0.1.0",
            "values": [
                ["technology": "snp", "measurement": .string(guest.measurement), "vcpus": 1, "debug": false]
            ],
        ]
        try await call("PUT", "testudo/manifests/\(guest.digest)", registration.canonicalBytes, at: broker)
        try await call(
            "PUT", "testudo/reference-values", Array(try JWS.signEdDSA(claims: values, key: release).utf8), at: broker)
        try await call("POST", "resource/default/key/one", [1], at: broker)
    }

    func attest(_ guest: FakeGuest, at broker: KeyBroker) async throws -> String {
        var request = BrokerRequest(method: "POST", path: ["kbs", "v0", "auth"])
        request.body = Array(#"{"version":"0.4.0","tee":"snp","extra-params":""}"#.utf8)
        let challenge = await broker.respond(to: request)
        let nonce = try #require(try JSONValue.parse(challenge.body)["nonce"]?.stringValue)
        request.path = ["kbs", "v0", "attest"]
        request.body = guest.attestation(nonce).canonicalBytes
        request.cookie = "kbs-session-id=\(try BrokerBench.cookie(challenge))"
        let response = await broker.respond(to: request)
        try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        return try BrokerBench.cookie(response)
    }

    func read(_ cookie: String, at broker: KeyBroker) async -> Int {
        var request = BrokerRequest(method: "GET", path: ["kbs", "v0", "resource", "default", "key", "one"])
        request.cookie = "kbs-session-id=\(cookie)"
        return await broker.respond(to: request).status
    }
}
