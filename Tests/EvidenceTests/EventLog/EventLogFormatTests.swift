import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("Event logs", .enabled(if: Vectors.available))
struct EventLogFormatTests {
    static let logs = [
        "evidence/eventlog/gce-cos-85-nonce9009/binary_bios_measurements.bin",
        "evidence/eventlog/gcp-cos113/ccel.bin", "evidence/eventlog/lunal-live2/ccel.bin",
        "trustee/deps/eventlog/test_data/CCEL_data", "trustee/deps/eventlog/test_data/CCEL_data_csv",
        "trustee/deps/eventlog/test_data/CCEL_data_gcp", "trustee/deps/eventlog/test_data/CCEL_data_grub",
        "trustee/deps/eventlog/test_data/CCEL_data_grub_gke", "trustee/deps/eventlog/test_data/CCEL_data_ovmf",
        "trustee/deps/eventlog/test_data/CCEL_AAEL_alibabacloud",
    ]

    @Test(arguments: logs)
    func `a log is written back unchanged, padding included`(path: String) throws {
        let bytes = try Vectors.bytes(path)
        let log = try BootEventLog(parsing: bytes)
        #expect(!log.events.isEmpty)
        #expect(log.bytes == bytes)
    }

    @Test func `parsing stops at the padding`() throws {
        let log = try BootEventLog(parsing: try Vectors.bytes("evidence/eventlog/lunal-live2/ccel.bin"))
        #expect(log.events.count == 20)
        #expect(log.padding.count == 65_536 - 2120)
    }

    @Test func `every truncation is refused or ends between two events`() throws {
        let bytes = Array(try Vectors.bytes("evidence/eventlog/lunal-live2/ccel.bin").prefix(2120))
        let events = try BootEventLog(parsing: bytes).events.count
        for length in bytes.indices {
            guard let log = try? BootEventLog(parsing: Array(bytes.prefix(length))) else { continue }
            #expect(log.events.count < events)
            #expect(log.bytes == Array(bytes.prefix(length)))
        }
    }

    @Test func `whatever is parsed is written back unchanged`() throws {
        let bytes = Array(try Vectors.bytes("evidence/eventlog/lunal-live2/ccel.bin").prefix(1000))
        for edited in Damage.edited(bytes) {
            if let log = try? BootEventLog(parsing: edited) { #expect(log.bytes == edited) }
        }
    }

    @Test func `lengths that lie are refused with the event's place`() throws {
        var bytes = Array(try Vectors.bytes("evidence/eventlog/lunal-live2/ccel.bin").prefix(2120))
        let first = 32 + 33
        for index in first + 12 + 50..<first + 12 + 54 { bytes[index] = 0xFF }
        let error = #expect(throws: WireError.self) { try BootEventLog(parsing: bytes) }
        #expect(error?.field == "event 0 at byte 65")
    }

    @Test func `an algorithm with a wrong length, and one that comes twice, are refused`() throws {
        let bytes = Array(
            try Vectors.bytes("evidence/eventlog/gce-cos-85-nonce9009/binary_bios_measurements.bin").prefix(73))
        #expect(throws: Never.self) { try BootEventLog(parsing: bytes) }
        var short = bytes
        short[32 + 28 + 2] = 19
        #expect(throws: WireError.self) { try BootEventLog(parsing: short) }
        var twice = bytes
        twice[32 + 28 + 4] = 4
        twice[32 + 28 + 6] = 20
        #expect(throws: WireError.self) { try BootEventLog(parsing: twice) }
    }

    @Test(arguments: ["lite", "gpu"])
    func `a log in JSON is read and written back`(name: String) throws {
        let json = try JSONValue.parse(try Vectors.bytes("evidence/eventlog/dstack-\(name)/events.json"))
        let log = try RuntimeEventLog(json: json)
        #expect(log.json == json)
        #expect(try RuntimeEventLog(json: ["event_log": .string(json.canonicalText)]) == log)
    }

    @Test func `malformed events in JSON are refused`() throws {
        let good: [String: JSONValue] = [
            "imr": 3, "event_type": 134_217_729, "digest": "", "event": "a", "event_payload": "00",
        ]
        #expect(throws: Never.self) { try RuntimeEventLog(json: [.object(good)]) }
        let bad: [(String, JSONValue)] = [
            ("imr", 4), ("imr", -1), ("event_type", 4_294_967_296), ("digest", "00"), ("event_payload", "0"),
        ]
        for (key, value) in bad {
            var event = good
            event[key] = value
            #expect(throws: WireError.self) { try RuntimeEventLog(json: [.object(event)]) }
        }
    }

    @Test func `the attestation agent's entries are taken apart`() throws {
        let log = try BootEventLog(parsing: try Vectors.bytes("trustee/deps/eventlog/test_data/CCEL_AAEL_alibabacloud"))
        let entries = try log.events.filter { $0.type == .eventTag }.compactMap { try AgentEvent(parsing: $0.data) }
        #expect(entries.map(\.domain) == ["coco.com", "coco.com"])
        #expect(entries.map(\.operation) == ["some-operation", "some-operation"])
        #expect(entries.first?.content == "some-content")
        let linux = try BootEventLog(parsing: try Vectors.bytes("evidence/eventlog/lunal-live2/ccel.bin"))
        for event in linux.events where event.type == .eventTag { #expect(try AgentEvent(parsing: event.data) == nil) }
    }

    @Test func `a variable's lengths must lie within it`() throws {
        let log = try BootEventLog(parsing: try Vectors.bytes("evidence/eventlog/gcp-cos113/ccel.bin"))
        let event = try #require(log.events.first { $0.type == .variableBoot })
        let variable = try EFIVariableData(parsing: event.data)
        #expect(variable.nameText == "BootOrder")
        #expect(variable.bytes == event.data)
        for length in 0..<event.data.count {
            #expect(throws: WireError.self) { try EFIVariableData(parsing: Array(event.data.prefix(length))) }
        }
        for place in [16, 24] {
            var lying = event.data
            for index in place..<place + 8 { lying[index] = 0xFF }
            #expect(throws: WireError.self) { try EFIVariableData(parsing: lying) }
        }
    }
}

@Suite("td-shim's configuration")
struct ShimConfigurationTests {
    @Test func `a length must be that of what follows`() throws {
        let bytes = Array("td_payload_info\0".utf8) + [3, 0, 0, 0] + Array("a=b".utf8)
        let shim = try ShimConfiguration(parsing: bytes)
        #expect(shim.name == "td_payload_info")
        #expect(shim.content == Array("a=b".utf8))
        #expect(shim.bytes == bytes)
        for length in bytes.indices {
            #expect(throws: WireError.self) { try ShimConfiguration(parsing: Array(bytes.prefix(length))) }
        }
        #expect(throws: WireError.self) { try ShimConfiguration(parsing: bytes + [0]) }
    }
}
