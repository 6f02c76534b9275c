import Testing
import WireFormat

@testable import Hypervisor

@Suite("Requests to the simulated processor")
struct SoftTEERequestTests {
    static let request = SoftTEERequest(QEMUArgumentsTests.plan(.softSNP))

    @Test func `a request and each event survive the wire`() throws {
        #expect(try SoftTEERequest(parsing: Self.request.line) == Self.request)
        for event: SoftTEEEvent in [
            .started(qemu: 12, measurement: "ab"), .failed(reason: "no"),
            .ended(MachineExit(cause: .guestShutdown, code: 0, signal: nil)),
            .ended(MachineExit(cause: .died, code: nil, signal: 9, detail: "x")),
        ] {
            #expect(try SoftTEEEvent(parsing: event.line) == event)
        }
    }

    @Test func `every prefix and every unknown or missing field is refused`() throws {
        let line = Self.request.line
        for length in 0..<(line.count - 1) {
            #expect(throws: WireError.self) { try SoftTEERequest(parsing: Array(line.prefix(length))) }
        }
        let fields = try #require(try JSONValue.parse(line).objectValue)
        for key in fields.keys where key != "console" {
            let less = JSONValue.object(fields.filter { $0.key != key })
            #expect(throws: WireError.self) { try SoftTEERequest(parsing: less.canonicalBytes) }
        }
        let more = JSONValue.object(fields.merging(["reportData": "00"]) { $1 })
        #expect(throws: WireError.self) { try SoftTEERequest(parsing: more.canonicalBytes) }
        let report = JSONValue.object(fields.merging(["op": "report"]) { $1 })
        #expect(throws: WireError.self) { try SoftTEERequest(parsing: report.canonicalBytes) }
    }

    @Test func `a processor that does not say it is simulated is not believed`() {
        #expect(throws: WireError.self) {
            try SoftTEEEvent(parsing: Array(#"{"event":"started","qemu":1,"measurement":"ab"}"#.utf8))
        }
    }
}
