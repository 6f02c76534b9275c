import Crypto
import Evidence
import WireFormat

/// Cases of SEV, SEV-ES and SEV-SNP in which a launch is measured from its artefacts.
enum LaunchCases {
    static func play(_ known: EvidenceCase) throws -> CaseResult {
        let inputs = LaunchInputs(known)
        if known.files["inputs"] != nil { return try playDescribed(known) }
        if known.files["tik"] != nil { return try playMeasure(inputs) }
        if known.params["id_key_public"] != nil { return try playKeys(known) }
        if known.params["eip"] != nil { return try playSaveArea(inputs.fields) }
        switch inputs.fields.text("mode") {
        case "snp": return try compared(try snp(inputs).measurement(), known)
        case "snp:ovmf-hash": return result(try MeasuredFirmware.digest(of: known.bytes("firmware")).bytes)
        case "sev", "seves": return result(try sev(inputs).digest())
        default: throw WireError(field: "mode", reason: "is missing or not known")
        }
    }

    private static func result(_ digest: [UInt8]) -> CaseResult {
        CaseResult(.accept, claims: ["digest": .string(Hex.encode(digest))], digest: Hex.encode(digest))
    }

    private static func snp(_ inputs: LaunchInputs) throws -> SNPLaunch {
        SNPLaunch(
            firmware: try inputs.measuredFirmware(), kernel: try inputs.kernel(),
            processors: try inputs.fields.number("vcpus") ?? 1, signature: try inputs.fields.signature(),
            features: try inputs.fields.number("guest_features") ?? 1, writer: try inputs.fields.writer())
    }

    private static func sev(_ inputs: LaunchInputs) throws -> SEVLaunch {
        var launch = SEVLaunch(firmware: try inputs.known.bytes("firmware"), kernel: try inputs.kernel())
        let fields = inputs.fields
        // Under SEV-ES there are save areas, either as files or described; a launch that is not called anything has them
        // when it says how many processors there are.
        let processors: Int? = try fields.number("vcpus")
        let areas = try inputs.known.list("vmsa")
        if let boot = areas.first, let others = areas.last {
            launch.saveAreas = .found(boot: boot, others: others, processors: processors ?? areas.count)
        } else if fields.text("mode") == "seves" || (fields.text("mode") == nil && processors != nil) {
            launch.saveAreas = .described(
                processors: processors ?? 1, signature: try fields.signature(), writer: try fields.writer())
        }
        return launch
    }

    /// The answer to LAUNCH_MEASURE.
    private static func playMeasure(_ inputs: LaunchInputs) throws -> CaseResult {
        let fields = inputs.fields
        guard let nonce = fields.text("mnonce_b64") else { throw WireError(field: "mnonce_b64", reason: "is missing") }
        let digest: [UInt8]
        if let given = try fields.hex("launch_digest") {
            digest = given
        } else if inputs.known.files["firmware"] == nil {
            throw WireError(field: "launch_digest", reason: "is not given, and there is no firmware to compute it from")
        } else {
            digest = try sev(inputs).digest()
        }
        let measure = try SEVLaunchMeasure(
            api: (try fields.required("api_major"), try fields.required("api_minor")),
            build: try fields.required("build_id"), policy: try fields.required("policy"), digest: digest,
            nonce: try Base64.decode(nonce, field: "mnonce_b64"))
        let answer = Base64.encode(try measure.answer(key: try inputs.known.bytes("tik")))
        return CaseResult(
            .accept,
            claims: ["launch_measure_b64": .string(answer), "launch_digest": .string(Hex.encode(digest))],
            digest: answer)
    }

    /// A page for a processor.
    private static func playSaveArea(_ fields: LaunchFields) throws -> CaseResult {
        let area = SaveArea(
            startAddress: try fields.required("eip"), features: try fields.number("sev_features") ?? 0,
            signature: try fields.signature(), writer: try fields.writer())
        let digest = Hex.encode(Array(SHA384.hash(data: area.bytes)))
        return CaseResult(.accept, claims: ["sha384": .string(digest)], digest: digest)
    }

    /// The digests under which a report names the keys of an identity block.
    private static func playKeys(_ known: EvidenceCase) throws -> CaseResult {
        var claims: [String: JSONValue] = [:]
        for name in ["id_key", "author_key"] {
            guard let point = known.params["\(name)_public"] else { continue }
            let fields = LaunchFields(json: point)
            let digest = try IdentityBlock.keyDigest(x: try fields.hex("x") ?? [], y: try fields.hex("y") ?? [])
            claims["\(name)_digest"] = .string(Hex.encode(digest))
        }
        return CaseResult(.accept, claims: .object(claims), digest: claims["id_key_digest"]?.stringValue)
    }

    /// A launch that a file describes as a whole.
    private static func playDescribed(_ known: EvidenceCase) throws -> CaseResult {
        let fields = LaunchFields(json: try JSONValue.parse(try known.bytes("inputs")))
        guard let digest = fields.text("ovmf_hash") else { throw WireError(field: "ovmf_hash", reason: "is missing") }
        var kernel: KernelHashTable?
        if let hash = try fields.hex("kernel_sha256") {
            kernel = try KernelHashTable(
                kernelSHA256: hash,
                initrdSHA256: try fields.hex("initrd_sha256") ?? Array(SHA256.hash(data: [UInt8]())),
                commandLine: fields.text("cmdline") ?? "")
        }
        let launch = SNPLaunch(
            firmware: MeasuredFirmware(
                digest: try LaunchMeasurement(hex: digest),
                tables: OVMFTables(
                    resetVector: try fields.number("reset_eip"),
                    hashTableAddress: try fields.number("hashes_table_gpa"),
                    sections: try fields.sections("ovmf_sections", address: "gpa", size: "size", type: "type"))),
            kernel: kernel, processors: try fields.number("vcpus") ?? 1, signature: try fields.signature(),
            features: try fields.number("guest_features") ?? 1, writer: try fields.writer())
        return try compared(try launch.measurement(), known)
    }

    /// A measurement, which must be that of the report when the case has one.
    private static func compared(_ measurement: LaunchMeasurement, _ known: EvidenceCase) throws -> CaseResult {
        if let report = try known.optionalBytes("report"), try SNPReport(parsing: report).measurement != measurement {
            return CaseResult(.reject, reason: "measurement: the report was not made by this launch")
        }
        return result(measurement.bytes)
    }
}
