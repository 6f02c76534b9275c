import Evidence
import WireFormat

/// What evidence says that no verifier here can check: for people to read. It is never accepted, and no policy sees it.
public struct UnverifiedListing: Sendable {
    /// The technology.
    public let technology: String
    /// What the evidence says of itself.
    public let statements: JSONValue

    /// Why such evidence is refused.
    public var refusal: EvidenceRefusal {
        VerificationRecord().refusal(
            .technology, "technology", technology, "evidence of \(technology) is read but not verified here")
    }

    /// Lists what NVIDIA devices say; reports of other architectures than Hopper are listed without their contents.
    public init(nvidia evidence: NVIDIAEvidence) throws(WireError) {
        technology = "nvidia"
        var devices: [JSONValue] = []
        for device in evidence.devices {
            var members: [String: JSONValue] = [
                "arch": .string(device.architecture), "uuid": .string(device.identifier),
            ]
            if device.architecture.uppercased() == "HOPPER" {
                let report = try SPDMMeasurements(parsing: device.report)
                members["measurements"] = .object(
                    Dictionary(report.blocks.map { (String($0.index), Self.hex($0.value)) }) { first, _ in first })
                members["config"] = .object(Self.configuration(report))
                members["nonce"] = Self.hex(report.nonce)
            }
            devices.append(.object(members))
        }
        statements = .array(devices)
    }

    /// Lists what an IBM Secure Execution guest says.
    public init(ibmSE evidence: SEEvidence) {
        technology = "se"
        statements = [
            "cuid": Self.hex(evidence.configurationID), "report_data": Self.hex(evidence.userData),
            "tag": Self.hex(evidence.imageTags), "additional_data": Self.hex(evidence.additionalData),
        ]
    }

    /// The vendor's items by the names of NVIDIA's own verifier.
    private static func configuration(_ report: SPDMMeasurements) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        let texts: [(UInt16, String)] = [
            (3, "driver_version"), (11, "nvdec0_status"), (15, "chip_sku"), (16, "chip_sku_mod"), (17, "project"),
            (18, "project_sku"), (21, "protected_pcie_status"),
        ]
        for (type, name) in texts {
            guard let value = report.item(type) else { continue }
            members[name] = .string(String(validating: value.prefix { $0 != 0 }, as: UTF8.self) ?? "")
        }
        let numbers: [(UInt16, String)] = [
            (4, "gpu_info"), (13, "cpr_info"), (14, "board_id"), (19, "project_sku_mod"), (20, "fwid"),
        ]
        for (type, name) in numbers { members[name] = report.item(type).map(hex) }
        if let version = report.item(6), version.count == 8 {
            let parts = [3, 2, 1, 0, 4].map { Hex.encode([version[$0]]) }
            members["vbios_version"] = .string(parts.joined(separator: "."))
        }
        if let counts = report.item(12) {
            var reader = ByteReader(counts)
            var list: [String: JSONValue] = [:]
            var index = 1
            while let count = try? reader.u32LE("count") {
                list[String(index)] = .integer(Int64(count))
                index += 1
            }
            members["measurement_count"] = .object(list)
        }
        return members
    }

    private static func hex(_ bytes: [UInt8]) -> JSONValue { .string(Hex.encode(bytes)) }
}
