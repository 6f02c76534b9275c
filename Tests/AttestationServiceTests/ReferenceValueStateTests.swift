import AttestationService
import TestSupport
import Testing
import Verifier
import WireFormat

@Suite("Registered reference values that are kept")
struct ReferenceValueStateTests {
    private static func message(_ values: [String: JSONValue]) -> JSONValue {
        [
            "version": "0.1.0", "type": "sample",
            "payload": .string(Base64.encode(JSONValue.object(values).canonicalBytes)),
        ]
    }

    @Test func `registered values are there again, stated ones only while they are stated`() throws {
        let folder = try ScratchFolder()
        let now: Int64 = 1_800_000_000
        do {
            let state = try ServiceState(folder: folder.path + "/state")
            let registry = try ReferenceValueRegistry(["stated": ["a"]], state: state, clock: { now })
            try registry.register(message: Self.message(["registered": ["b"]]))
            #expect(registry.value(named: "stated") == ["a"] && registry.value(named: "registered") == ["b"])
            #expect(throws: WireError.self) { try registry.register(message: ["type": "sample"]) }
        }
        do {
            let state = try ServiceState(folder: folder.path + "/state")
            let registry = try ReferenceValueRegistry(state: state, clock: { now })
            #expect(registry.value(named: "registered") == ["b"])
            #expect(registry.value(named: "stated") == nil)
            // Values that are kept end as others do.
            let later = try ReferenceValueRegistry(state: state, clock: { now + 400 * 86_400 })
            #expect(later.value(named: "registered") == nil)
        }
        _ = try folder.write("state/reference-values.json", Array("{}".utf8))
        let state = try ServiceState(folder: folder.path + "/state")
        #expect(throws: WireError.self) { try ReferenceValueRegistry(state: state, clock: { now }) }
    }

    @Test func `one service uses a folder at a time`() throws {
        let folder = try ScratchFolder()
        let first = try ServiceState(folder: folder.path + "/state")
        #expect(throws: WireError.self) { try ServiceState(folder: folder.path + "/state") }
        withExtendedLifetime(first) {}
    }
}
