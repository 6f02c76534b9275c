import Synchronization
import Testing
import WireFormat

@testable import Verifier

@Suite("Store of reference values")
struct ReferenceValueStoreTests {
    private let stage = ReferenceStage()
    private let now = ReferenceStage.now

    @Test func `a value is answered from its first second and not from its last on`() throws {
        let clock = Mutex(now)
        var store = ReferenceValueStore()
        let document = ReferenceStage.document(
            ["svn": [3, 4]], ["notBefore": .integer(now + 10), "expires": .integer(now + 20)])
        try store.take(try stage.reader().read(try stage.signed(document)))
        let values = CurrentReferenceValues(store) { clock.withLock { $0 } }
        let policy = try AttestationPolicy(
            identifier: "test",
            source: """
                package policy

                import rego.v1

                trust_claims := {"executables": 3} if 3 in query_reference_value("svn")
                """, references: values)
        func claims() throws -> JSONValue { try policy.judge([:]).trustVector.json }
        #expect(values.value(named: "svn") == nil)
        #expect(values.absence(of: "svn") == "is not valid before 2027-01-15T08:00:10Z")
        #expect(try claims() == [:])
        clock.withLock { $0 += 10 }
        #expect(values.value(named: "svn") == [3, 4] && values.absence(of: "svn") == nil)
        #expect(try claims() == ["executables": 3])
        clock.withLock { $0 += 9 }
        #expect(try claims() == ["executables": 3])
        clock.withLock { $0 += 1 }
        #expect(try claims() == [:])
        #expect(values.absence(of: "svn") == "expired at 2027-01-15T08:00:20Z")
        #expect(try policy.explain([:]).contains("svn: expired at 2027-01-15T08:00:20Z"))
        #expect(values.absence(of: "other") == "has no value")
    }

    @Test func `a value without an end holds for 12 months, and what is given wins`() throws {
        let sample = ReferenceStage.message("sample", Array(#"{"svn": 1}"#.utf8))
        func end(_ expiry: ReferenceReader.Expiry) throws -> Int64? {
            try stage.reader(allowsUnsigned: true, expiry: expiry).read(sample).entries[0].expires
        }
        #expect(try end(.usual) == now + 365 * 86_400)
        #expect(try end(.at(now + 5)) == now + 5)
        #expect(try end(.never) == nil)
        // A document's own end is shortened and never lengthened.
        let document = try stage.signed(ReferenceStage.document(["svn": 1], ["expires": .integer(now + 50)]))
        #expect(try stage.reader(expiry: .at(now + 99)).read(document).entries[0].expires == now + 50)
        #expect(try stage.reader(expiry: .at(now + 9)).read(document).entries[0].expires == now + 9)
        #expect(try stage.reader(expiry: .never).read(document).entries[0].expires == now + 50)
        let late = try stage.reader(now: now + 50)
        #expect(throws: WireError.self) { try late.read(document) }
    }

    @Test func `an older document does not take a newer one's place`() throws {
        var store = ReferenceValueStore()
        func take(_ issuedAt: Int64?, _ values: [String: JSONValue], allowsRollback: Bool = false) throws {
            let document = try stage.signed(ReferenceStage.document(issuedAt: issuedAt, values))
            try store.take(try stage.reader().read(document), allowsRollback: allowsRollback)
        }
        try take(100, ["a": 1, "b": 1])
        try take(200, ["a": 2])
        // The newer issue no longer states b.
        #expect(store.answer("a", at: now) == .value(2) && store.answer("b", at: now) == .unknown)
        for (issuedAt, values) in [(100, ["a": 1, "b": 1]), (199, ["a": 1]), (200, ["a": 3]), (nil, ["a": 1])]
            as [(Int64?, [String: JSONValue])]
        {
            let before = store
            let error = #expect(throws: WireError.self) { try take(issuedAt, values) }
            #expect(error?.reason.contains("roll-back") == true)
            #expect(store == before)
        }
        try take(200, ["a": 2])
        // Removing a value does not open the way for an older document.
        let removed = [store.remove("a"), store.remove("a")]
        #expect(removed == [true, false])
        #expect(throws: WireError.self) { try take(100, ["a": 1]) }
        // Nor does storing and reading.
        store = try ReferenceValueStore(json: try JSONValue.parse(store.json.canonicalBytes))
        #expect(throws: WireError.self) { try take(100, ["a": 1]) }
        try take(100, ["a": 1], allowsRollback: true)
        #expect(store.answer("a", at: now) == .value(1))
    }

    @Test func `a name that a key states is closed to others`() throws {
        var store = ReferenceValueStore()
        try store.take(try stage.reader().read(try stage.signed(ReferenceStage.document(["a": [1]]))))
        let before = store
        let unsigned = try stage.reader(allowsUnsigned: true)
        let others = [
            try unsigned.statement(name: "a", value: [2]),
            try unsigned.read(ReferenceStage.document(source: "mine", ["a": [2]]).canonicalBytes),
            // Neither is a source that only has the same name.
            try unsigned.read(ReferenceStage.document(issuedAt: 900, ["a": [2]]).canonicalBytes),
            try stage.reader().read(try stage.signedByVendor(ReferenceStage.document(["a": [2]]))),
        ]
        for other in others {
            let error = #expect(throws: WireError.self) { try store.take(other) }
            #expect(error?.field == "a" && error?.reason.contains("is taken") == true)
            #expect(store == before)
        }
        // Another document of the same key adds to what is known, each element once.
        try store.take(
            try stage.reader().read(try stage.signed(ReferenceStage.document(source: "more", ["a": [1, 2]]))))
        #expect(store.answer("a", at: now) == .value([1, 2]))
        _ = store.remove("a")
        try store.take(others[0])
        #expect(store.answer("a", at: now) == .value([2]))
        // A statement takes the place of the former one.
        try store.take(try unsigned.statement(name: "a", value: "x"))
        #expect(store.answer("a", at: now) == .value("x"))
    }

    @Test func `a store is read as it was written, and otherwise refused`() throws {
        var store = ReferenceValueStore()
        let document = ReferenceStage.document(
            issuedAt: 7, ["a": [1], "b": ["x": 1.5]], ["expires": .integer(now + 9), "notBefore": 5])
        try store.take(try stage.reader().read(try stage.signed(document)))
        try store.take(try stage.reader(allowsUnsigned: true, expiry: .never).statement(name: "c", value: true))
        let json = try JSONValue.parse(store.json.canonicalBytes)
        #expect(try ReferenceValueStore(json: json) == store)
        let rows = store.all.map(\.json)
        let keys = [stage.releaseKey]
        let marks = store.marks.values.map(\.json)
        #expect(try ReferenceValueStore(entries: rows, marks: marks, keys: keys) == store)
        #expect(throws: WireError.self) {
            try ReferenceValueStore(entries: rows + [rows[0]], marks: [], keys: keys)
        }
        // What a key signed goes when the key is pinned no more.
        let unpinned = try ReferenceValueStore(entries: rows, marks: marks, keys: [])
        #expect(unpinned.all.map(\.name) == ["c"] && unpinned.marks == store.marks)
        var members = try #require(json.objectValue)
        members["surprise"] = 1
        #expect(throws: WireError.self) { try ReferenceValueStore(json: .object(members)) }
        #expect(throws: WireError.self) { try ReferenceValueStore(json: ["a": 1]) }
    }

    @Test func `a published guest is found under the names of the default policy`() throws {
        let measurement = String(repeating: "ab", count: 48)
        func release(_ version: String, _ measurement: String) throws -> ReferenceDocument {
            let document: JSONValue = [
                "version": .string(version), "issuedAt": .integer(now),
                "values": [
                    [
                        "technology": "snp", "measurement": .string(measurement), "vcpus": 1, "debug": false,
                    ],
                    [
                        "technology": "snp", "measurement": .string(String(repeating: "dd", count: 48)), "vcpus": 1,
                        "debug": true,
                    ],
                    ["technology": "tdx", "measurement": .string(measurement), "vcpus": 1, "debug": false],
                ],
            ]
            return try stage.reader().read(try stage.signed(document))
        }
        var store = ReferenceValueStore()
        try store.take(try release("0.1.0", measurement))
        #expect(store.answer("snp_launch_measurement", at: now) == .value([.string(measurement)]))
        #expect(store.answer("mr_td", at: now) == .value([.string(measurement)]))
        let other = String(repeating: "cd", count: 48)
        try store.take(try release("0.2.0", other))
        #expect(
            store.answer("snp_launch_measurement", at: now) == .value([.string(measurement), .string(other)]))
        let policy = try AttestationPolicy(
            identifier: "default", source: DefaultPolicy.source,
            references: CurrentReferenceValues(store) { ReferenceStage.now })
        for (found, executables) in [(measurement, 3), (other, 3), (String(repeating: "dd", count: 48), 33)]
            as [(String, Int64)]
        {
            let vector = try policy.judge(
                ["snp": ["measurement": .string(found), "policy_debug_allowed": false]]
            ).trustVector
            #expect(vector.json["executables"] == .integer(executables))
        }
    }
}
