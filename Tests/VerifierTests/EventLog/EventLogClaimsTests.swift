import Evidence
import TestSupport
import Testing
import Verifier
import WireFormat

@Suite("Event log claims", .enabled(if: Vectors.available))
struct EventLogClaimsTests {
    /// Trustee's own parse of its logs, device paths left out.
    @Test(arguments: [
        "CCEL_data", "CCEL_data_grub", "CCEL_data_grub_gke", "CCEL_data_ovmf", "CCEL_AAEL_alibabacloud",
    ])
    func `logs give trustee's entries`(name: String) throws {
        let folder = "trustee/deps/eventlog/test_data"
        let entries = EventLogClaims.entries(try BootEventLog(parsing: try Vectors.bytes("\(folder)/\(name)")))
        let expected = try JSONValue.parse(try Vectors.bytes("\(folder)/\(name)_out.json"))["uefi_event_logs"]?
            .arrayValue
        #expect(entries.count == expected?.count)
        for (entry, wanted) in zip(entries, expected ?? []) {
            var members = wanted.objectValue ?? [:]
            var details = wanted["details"]?.objectValue ?? [:]
            details["device_paths"] = nil
            members["details"] = .object(details)
            #expect(entry == .object(members))
        }
    }
}
