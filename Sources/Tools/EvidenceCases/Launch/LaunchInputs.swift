import Evidence
import WireFormat

/// What a launch case gives: its parameters, and the artefacts in its files.
struct LaunchInputs {
    let known: EvidenceCase
    let fields: LaunchFields

    init(_ known: EvidenceCase) {
        self.known = known
        fields = LaunchFields(json: known.params)
    }

    /// The hash table of what is booted directly; nil when there is no kernel.
    func kernel() throws -> KernelHashTable? {
        guard let kernel = try blob("kernel") else { return nil }
        return KernelHashTable(
            kernel: kernel, initrd: try blob("initrd") ?? [], commandLine: fields.text("cmdline") ?? "")
    }

    /// The bytes of a file; a parameter of the same name may call it absent or empty.
    func blob(_ name: String) throws -> [UInt8]? {
        if known.files[name] != nil { return try known.bytes(name) }
        switch fields.text(name) {
        case nil, "absent": return nil
        case "empty file": return []
        case .some: throw WireError(field: name, reason: "the case has no such file")
        }
    }

    /// The firmware of a launch under SNP: an image, an image whose digest is given, or metadata with a digest.
    func measuredFirmware() throws -> MeasuredFirmware {
        if known.files["firmware_metadata"] != nil {
            return try Self.described(LaunchFields(json: try JSONValue.parse(try known.bytes("firmware_metadata"))))
        }
        let image = try known.bytes("firmware")
        guard let digest = fields.text("ovmf_hash") else { return try MeasuredFirmware(image: image) }
        return MeasuredFirmware(digest: try LaunchMeasurement(hex: digest), tables: try OVMFTables(firmware: image))
    }

    /// Firmware as the metadata files of sev-snp-measure-go describe it.
    private static func described(_ fields: LaunchFields) throws -> MeasuredFirmware {
        guard let digest = fields.text("OVMFHash") else { throw WireError(field: "OVMFHash", reason: "is missing") }
        return MeasuredFirmware(
            digest: try LaunchMeasurement(hex: digest),
            tables: OVMFTables(
                resetVector: try fields.number("ResetEIP"), hashTableAddress: try fields.number("SevHashesTableGPA"),
                sections: try fields.sections("MetadataItems", address: "GPA", size: "Size", type: "SectionTypeInt")))
    }
}
