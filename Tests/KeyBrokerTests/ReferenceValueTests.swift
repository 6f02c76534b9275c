import Crypto
import Envelope
import Evidence
import Foundation
import SealedStorage
import Testing
import Verifier
import WireFormat

@testable import KeyBroker

@Suite("Reference values of the broker")
struct ReferenceValueTests {
    private static func sample(_ values: JSONValue, _ more: [String: JSONValue] = [:]) -> [UInt8] {
        let message: [String: JSONValue] = [
            "version": "0.1.0", "type": "sample", "payload": .string(Base64.encode(values.canonicalBytes)),
        ]
        return JSONValue.object(message.merging(more) { $1 }).canonicalBytes
    }

    private static func document(_ issuedAt: Int64, _ value: JSONValue, name: String = "vendor/a") -> JSONValue {
        [
            "kind": "testudo.reference-values", "source": "vendor", "issuedAt": .integer(issuedAt),
            "values": [["name": .string(name), "value": value]],
        ]
    }

    private static func message(_ type: String, _ bytes: [UInt8], _ more: [String: JSONValue] = [:]) -> [UInt8] {
        let message: [String: JSONValue] = ["type": .string(type), "payload": .string(Base64.encode(bytes))]
        return JSONValue.object(message.merging(more) { $1 }).canonicalBytes
    }

    private static func release(
        _ bench: BrokerBench, _ issuedAt: Int64, _ digit: String, expires: Int64? = nil, version: String = "0.1.0"
    ) throws -> [UInt8] {
        var members: [String: JSONValue] = [
            "version": .string(version), "issuedAt": .integer(issuedAt),
            "values": [
                [
                    "technology": "snp", "measurement": .string(String(repeating: digit, count: 96)), "vcpus": 1,
                    "debug": false,
                ]
            ],
        ]
        if let expires { members["expires"] = .integer(expires) }
        return Array(try JWS.signEdDSA(claims: .object(members), key: bench.release).utf8)
    }

    @Test func `values are stated, asked for, listed and deleted`() async throws {
        let bench = try await BrokerBench()
        #expect(
            try await bench.administer("POST", "reference-value", Self.sample(["a": [1, 2], "x/y z": "w"])).status
                == 200)
        let answer = try await bench.administer("GET", "reference-value/a")
        #expect(try JSONValue.parse(answer.body) == [1, 2])
        #expect(try JSONValue.parse(try await bench.administer("GET", "reference-value/x/y%20z").body) == "w")
        let list = try JSONValue.parse(try await bench.administer("GET", "reference-value").body)
        #expect(list[0]?["name"] == "a" && list[0]?["state"] == "valid" && list.arrayValue?.count == 2)
        #expect(list[0]?["provenance"]?["origin"] == "administrator tester")
        #expect(try await bench.administer("DELETE", "reference-value/x/y%20z").status == 200)
        for (method, path) in [("GET", "reference-value/x/y%20z"), ("DELETE", "reference-value/x/y%20z")] {
            try expectRefusal(try await bench.administer(method, path), 404, "RvpsError")
        }
        for (method, path) in [
            ("PUT", "reference-value/a"), ("POST", "reference-value/a"), ("DELETE", "reference-value"),
        ] {
            try expectRefusal(try await bench.administer(method, path), 405, "MethodNotAllowed")
        }
        let lines = try await bench.audit().filter { $0["resource"] == "POST reference-value" }
        #expect(lines.map { $0["subject"] } == ["tester"])
    }

    @Test func `a value that expired is not answered, and the refusal says so`() async throws {
        let bench = try await BrokerBench()
        let end = bench.time.now + 100
        let body = Self.sample(["a": 1], ["expires": .string(ReferenceTime.text(end)), "note": "trial"])
        #expect(try await bench.administer("POST", "reference-value", body).status == 200)
        bench.time.advance(99)
        #expect(try await bench.administer("GET", "reference-value/a").status == 200)
        #expect(bench.broker.named.source.value(named: "a") == 1)
        bench.time.advance(1)
        let refusal = try await bench.administer("GET", "reference-value/a")
        try expectRefusal(refusal, 404, "RvpsError")
        #expect(String(decoding: refusal.body, as: UTF8.self).contains("expired at 2027-01-15T08:01:40Z"))
        #expect(bench.broker.named.source.value(named: "a") == nil)
        let list = try JSONValue.parse(try await bench.administer("GET", "reference-value").body)
        #expect(list[0]?["state"] == "expired at 2027-01-15T08:01:40Z" && list[0]?["provenance"]?["note"] == "trial")
    }

    @Test func `documents need a pinned key, and manifests that nobody signed need a word`() async throws {
        let bench = try await BrokerBench()
        let document = Self.document(5, 1)
        let bySomebody = try JWS.signEdDSA(claims: document, key: Curve25519.Signing.PrivateKey())
        for body in [
            Self.message("testudo", document.canonicalBytes), Self.message("testudo", Array(bySomebody.utf8)),
            Self.message("corim", [0xD9, 0x01, 0xF5, 0xA0], ["allowUnsigned": true]), Array("{}".utf8),
            Self.message("other", []), Self.sample(["a": 1], ["surprise": 1]), Self.sample(["a": 1], ["expires": 5]),
            Self.message("testudo", try Self.release(bench, 5, "a")), [1],
        ] {
            try expectRefusal(try await bench.administer("POST", "reference-value", body), 400, "SerdeError")
        }
        let unsigned = Self.message("testudo", document.canonicalBytes, ["allowUnsigned": true])
        #expect(try await bench.administer("POST", "reference-value", unsigned).status == 200)
    }

    @Test func `an older document is refused, also after removal and restart`() async throws {
        let bench = try await BrokerBench()
        func post(_ issuedAt: Int64, _ value: JSONValue, _ more: [String: JSONValue] = [:]) async throws
            -> BrokerResponse
        {
            let compact = try JWS.signEdDSA(claims: Self.document(issuedAt, value), key: bench.release)
            return try await bench.administer(
                "POST", "reference-value", Self.message("testudo", Array(compact.utf8), more))
        }
        #expect(try await post(20, "new").status == 200)
        try expectRefusal(try await post(19, "old"), 409, "ResourceExists")
        // An administrator's statement does not take the place of what a key signed.
        try expectRefusal(
            try await bench.administer("POST", "reference-value", Self.sample(["vendor/a": "mine"])), 409,
            "ResourceExists")
        #expect(bench.broker.named.source.value(named: "vendor/a") == "new")
        #expect(try await bench.administer("DELETE", "reference-value/vendor/a").status == 200)
        try expectRefusal(try await post(19, "old"), 409, "ResourceExists")
        let again = try await KeyBroker(
            configuration: try BrokerConfiguration(file: bench.folder + "/config.json"), appraiser: FakeAppraiser(),
            clock: bench.time.clock)
        let document = try ReferenceReader(keys: again.named.keys, origin: "test", now: bench.time.now).read(
            Array(try JWS.signEdDSA(claims: Self.document(19, "old"), key: bench.release).utf8))
        await #expect(throws: BrokerError.self) { try await again.named.take(document) }
        #expect(try await post(19, "old", ["allowRollback": true]).status == 200)
    }

    @Test func `a key states no more than it is pinned for`() async throws {
        let bench = try await BrokerBench()
        func post(_ name: String) async throws -> BrokerResponse {
            let compact = try JWS.signEdDSA(claims: Self.document(5, 2, name: name), key: bench.release)
            return try await bench.administer(
                "POST", "reference-value", Self.message("testudo", Array(compact.utf8)))
        }
        #expect(try await post("vendor/a").status == 200)
        func broker(_ referenceKeys: JSONValue) async throws -> KeyBroker {
            let file = try Data(contentsOf: URL(fileURLWithPath: bench.folder + "/config.json"))
            var members = try JSONValue.parse(Array(file)).objectValue ?? [:]
            members["referenceKeys"] = referenceKeys
            return try await KeyBroker(
                configuration: try BrokerConfiguration(
                    parsing: JSONValue.object(members).canonicalBytes, folder: bench.folder),
                appraiser: FakeAppraiser(), clock: bench.time.clock)
        }
        func reason(_ broker: KeyBroker, _ name: String) throws -> String? {
            let compact = try JWS.signEdDSA(claims: Self.document(6, 3, name: name), key: bench.release)
            do throws(WireError) {
                _ = try ReferenceReader(keys: broker.named.keys, origin: "test", now: bench.time.now).read(
                    Array(compact.utf8))
                return nil
            } catch { return error.reason }
        }
        // A release key alone publishes guests; what it stated while it was more than that is gone.
        let release = try await broker([])
        #expect(try reason(release, "snp_launch_measurement")?.contains("releases of the guest") == true)
        #expect(release.named.all.isEmpty)
        let published = try Self.release(bench, 5, "a")
        #expect(try await release.released.install(String(decoding: published, as: UTF8.self)) == 1)
        let named = try await broker([["key": "release.pub", "names": ["vendor/", "other"]]])
        #expect(try reason(named, "vendor/a") == nil && reason(named, "otherwise") == nil)
        #expect(try reason(named, "snp_bootloader")?.contains("may not state snp_bootloader") == true)
        #expect(named.named.all.map(\.name).contains("vendor/a"))
        let moved = try await broker([["key": "release.pub", "names": ["snp_"]]])
        #expect(!moved.named.all.map(\.name).contains("vendor/a"))
        for wrong: JSONValue in [[["key": "release.pub", "names": []]], [["key": "release.pub", "names": [""]]], [1]] {
            await #expect(throws: WireError.self) { try await broker(wrong) }
        }
    }

    @Test func `values outlive a restart, and those of a key that is no longer pinned do not`() async throws {
        let bench = try await BrokerBench()
        #expect(try await bench.administer("POST", "reference-value", Self.sample(["a": 1])).status == 200)
        let compact = try JWS.signEdDSA(claims: Self.document(5, 2), key: bench.release)
        let body = Self.message("testudo", Array(compact.utf8))
        #expect(try await bench.administer("POST", "reference-value", body).status == 200)
        let published = try Self.release(bench, 5, "a")
        #expect(try await bench.administer("PUT", "testudo/reference-values", published).status == 200)
        var configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        let same = try await KeyBroker(
            configuration: configuration, appraiser: FakeAppraiser(), clock: bench.time.clock)
        #expect(
            same.named.all
                == bench.broker.named.all.map { entry in
                    // A release is read from its document at each start, as of its issue.
                    same.named.all.first { $0.name == entry.name && entry.provenance.isRelease } ?? entry
                })
        #expect(same.named.source.value(named: "snp_launch_measurement") != nil)
        (configuration.releaseKeys, configuration.referenceKeys) = ([], [])
        let other = try await KeyBroker(
            configuration: configuration, appraiser: FakeAppraiser(), clock: bench.time.clock)
        #expect(other.named.all.map(\.name) == ["a"] && other.released.values == .none)
    }

    @Test func `a release is found by name, is not rolled back, expires and is removed`() async throws {
        let bench = try await BrokerBench()
        let now = bench.time.now
        func publish(_ issuedAt: Int64, _ digit: String, expires: Int64? = nil) async throws -> BrokerResponse {
            try await bench.administer(
                "PUT", "testudo/reference-values", try Self.release(bench, issuedAt, digit, expires: expires))
        }
        func known() -> JSONValue? { bench.broker.named.source.value(named: "snp_launch_measurement") }
        #expect(try await publish(now, "a").status == 200)
        #expect(try await publish(now + 1, "b", expires: now + 50).status == 200)
        #expect(known() == [.string(String(repeating: "b", count: 96))])
        try expectRefusal(try await publish(now, "a"), 409, "ResourceExists")
        try expectRefusal(
            try await bench.administer("DELETE", "reference-value/snp_launch_measurement"), 409, "ResourceExists")
        #expect(bench.broker.released.values.values.count == 1)
        bench.time.advance(50)
        #expect(known() == nil && bench.broker.released.values == .none)
        try expectRefusal(try await publish(now + 2, "c", expires: now + 50), 400, "SerdeError")
        #expect(try await bench.administer("DELETE", "testudo/reference-values/0.1.0").status == 200)
        try expectRefusal(
            try await bench.administer("DELETE", "testudo/reference-values/0.1.0"), 404, "InvalidRequestPath")
        try expectRefusal(try await publish(now, "a"), 409, "ResourceExists")
        #expect(bench.broker.named.all.isEmpty)
        #expect(try await publish(now + 60, "d").status == 200)
        #expect(known() == [.string(String(repeating: "d", count: 96))])
    }

    @Test func `a release that was put back into the database counts for nothing after a restart`() async throws {
        let bench = try await BrokerBench()
        let old = try Self.release(bench, bench.time.now, "a")
        let new = try Self.release(bench, bench.time.now + 1, "b")
        for release in [old, new] {
            #expect(try await bench.administer("PUT", "testudo/reference-values", release).status == 200)
        }
        let configuration = try BrokerConfiguration(file: bench.folder + "/config.json")
        func restarted() async throws -> KeyBroker {
            try await KeyBroker(configuration: configuration, appraiser: FakeAppraiser(), clock: bench.time.clock)
        }
        #expect(try await restarted().released.values.values.count == 1)
        try await bench.broker.store.replace(EntryFamily.release["0.1.0"], by: old)
        #expect(try await restarted().released.values == .none)
    }
}

extension BrokerStore {
    /// What somebody with the root key could do.
    fileprivate func replace(_ key: EntryKey, by value: [UInt8]) async throws {
        try await transact([key]) { (transaction) throws(BrokerError) in
            #expect(try transaction.entry(key) != nil)
            transaction.put(key, value)
        }
    }
}
