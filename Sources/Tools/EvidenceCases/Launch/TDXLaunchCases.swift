import Evidence
import WireFormat

/// Cases of TDX in which registers, or events that they are extended by, are computed from artefacts.
enum TDXLaunchCases {
    /// What a case asks for, by what it gives.
    private enum Task {
        /// The measurement of the firmware.
        case firmware
        /// The digest of a program.
        case program
        /// The list of memory.
        case handoffBlocks
        /// RTMR 0.
        case platform
        /// RTMR 1 and 2.
        case kernel
        /// The configuration volume.
        case configurationVolume
        /// The events that do not depend on anything.
        case constants
    }

    /// Whether a case is about a launch and not about evidence.
    static func plays(_ known: EvidenceCase) -> Bool { task(known) != nil }

    private static func task(_ known: EvidenceCase) -> Task? {
        let (files, params) = (known.files, known.params)
        if files["evidence"] != nil { return nil }
        if files["pe"] != nil { return .program }
        if params["mode"] == "mrtd" { return .firmware }
        if params["events"] != nil { return .platform }
        if params["memory_bytes"] != nil { return .handoffBlocks }
        if params["kernel_authenticode_sha384"] != nil || files["kernel"] != nil { return .kernel }
        if files["firmware"] != nil { return params["event"] == nil ? .firmware : .configurationVolume }
        return files.keys.elementsEqual(["expected"]) && params.objectValue?.isEmpty != false ? .constants : nil
    }

    static func play(_ known: EvidenceCase) throws -> CaseResult {
        let inputs = LaunchInputs(known)
        switch task(known) {
        case .firmware: return try playFirmware(inputs)
        case .program:
            let program = try PortableExecutable(parsing: try known.bytes("pe"))
            return result("sha384", [("sha384", program.sha384), ("sha256", program.sha256)])
        case .handoffBlocks:
            return result("sha384", [("sha384", FirmwareEvent.digest(try handoffBlocks(inputs).measuredBytes))])
        case .platform:
            return try registers(known, [0: platform(inputs)])
        case .kernel: return try playKernel(inputs)
        case .configurationVolume:
            guard let event = try known.text("event"), event.contains("CFV") || event.contains("FIRMWARE_BLOB") else {
                throw WireError(field: "event", reason: "is not one that a firmware image decides")
            }
            return result("sha384", [("sha384", try configurationVolume(try known.bytes("firmware")))])
        case .constants: return CaseResult(.accept, claims: constants)
        case nil: throw WireError(field: "params", reason: "do not say what is to be measured")
        }
    }

    private static func result(_ main: String, _ digests: [(name: String, value: [UInt8])]) -> CaseResult {
        let named = Dictionary(uniqueKeysWithValues: digests.map { ($0.name, JSONValue.string(Hex.encode($0.value))) })
        return CaseResult(.accept, claims: .object(named), digest: named[main]?.stringValue)
    }

    private static func playFirmware(_ inputs: LaunchInputs) throws -> CaseResult {
        let fields = inputs.fields
        guard let order = TDXLaunch.PageOrder(rawValue: fields.text("page_order") ?? "single-pass") else {
            throw WireError(field: "page_order", reason: "is not known")
        }
        let firmware = try inputs.known.bytes("firmware")
        var launch = TDXLaunch(firmware: firmware, metadata: try metadata(firmware, fields), pageOrder: order)
        launch.contents[.payload] = try inputs.known.optionalBytes("payload")
        launch.contents[.handoffBlocks] = try inputs.known.optionalBytes("td_hob")
        launch.measuresAllSections = inputs.known.params["measure_all_sections"]?.boolValue ?? false
        if let banks = try fields.ranges("ram_banks") {
            let acceptsAll = inputs.known.params["accept_all_early"]?.boolValue ?? false
            launch.contents[.handoffBlocks] = try HandoffBlocks(
                metadata: launch.metadata, banks: banks, acceptsAllEarly: acceptsAll
            ).bytes
        }
        let measurement = try launch.measurement().bytes
        if let quoted = try quoted(inputs.known), quoted.mrTD != measurement {
            return CaseResult(.reject, reason: "measurement: mrtd of the quote is not that of this launch")
        }
        return result("mrtd", [("mrtd", measurement)])
    }

    /// The sections that the parameters describe, or else those of the firmware.
    private static func metadata(_ firmware: [UInt8], _ fields: LaunchFields) throws -> TDVFMetadata {
        guard let given = fields.json["sections"], given != .null else { return try TDVFMetadata(firmware: firmware) }
        guard let sections = given.arrayValue else { throw WireError(field: "sections", reason: "must be a list") }
        let kinds = ["BFV", "CFV", "TD_HOB", "TempMem", "PermMem", "Payload", "PayloadParam", "TD_INFO", "TD_PARAMS"]
        return TDVFMetadata(
            sections: try sections.map { section in
                let fields = LaunchFields(json: section)
                let type: UInt32
                if let name = fields.text("type") {
                    guard let kind = kinds.firstIndex(of: name) else {
                        throw WireError(field: "sections", reason: "have a kind that is not known")
                    }
                    type = UInt32(kind)
                } else {
                    type = try fields.required("type")
                }
                return try TDVFMetadata.Section(
                    offset: try fields.required("offset"), rawSize: try fields.required("raw"),
                    address: try fields.required("gpa"), size: try fields.required("size"), type: type,
                    attributes: try fields.required("attr"))
            })
    }

    /// What the case's quote says of the trust domain; nil when the case has none.
    private static func quoted(_ known: EvidenceCase) throws -> TDReport? {
        guard let bytes = try known.optionalBytes("quote") else { return nil }
        guard case .domain(let report) = try Quote(parsing: bytes).body else {
            throw WireError(field: "quote", reason: "is not of a trust domain")
        }
        return report
    }

    private static func handoffBlocks(_ inputs: LaunchInputs) throws -> HandoffBlocks {
        let fields = inputs.fields
        let memory: UInt64 = try fields.required("memory_bytes")
        guard let added = try fields.ranges("accepted_ranges") else {
            return try HandoffBlocks(
                metadata: try TDVFMetadata(firmware: try inputs.known.bytes("firmware")), memory: memory)
        }
        return try HandoffBlocks(address: try fields.required("td_hob_gpa"), memory: memory, added: added)
    }

    private static func configurationVolume(_ firmware: [UInt8]) throws -> [UInt8] {
        let sections = try TDVFMetadata(firmware: firmware).sections
        guard let section = sections.first(where: { $0.kind == .configurationVolume }) else {
            throw WireError(field: "firmware", reason: "has no configuration volume")
        }
        return FirmwareEvent.digest(try TDVFMetadata.data(of: section, in: firmware))
    }

    private static let otherEvents = [
        "td_hob", "cfv", "separator", "acpi_loader", "acpi_rsdp", "acpi_tables", "BootOrder", "Boot0000",
    ]

    /// RTMR 0 from the digests that are given, and from artefacts and constants for the others.
    private static func platform(_ inputs: LaunchInputs) throws -> MeasurementRegister {
        let events = LaunchFields(json: inputs.fields.json["events"] ?? .null)
        // An event without a place in the order would silently not be measured.
        let names = FirmwareEvent.SecureBootVariable.allCases.map(\.rawValue) + otherEvents
        if let unknown = events.json.objectValue?.keys.first(where: { !names.contains($0) }) {
            throw WireError(field: String(unknown.prefix(64)), reason: "is not an event of a direct boot")
        }
        func event(_ name: String, or compute: () throws -> [UInt8]) throws -> [UInt8] {
            try events.hex(name) ?? compute()
        }
        func given(_ name: String) throws -> [UInt8] {
            try event(name) { throw WireError(field: name, reason: "is not given and not computed here") }
        }
        var platform = DirectBoot.Platform(
            handoffBlocks: try event("td_hob") { FirmwareEvent.digest(try handoffBlocks(inputs).measuredBytes) },
            configurationVolume: try event("cfv") { try configurationVolume(try inputs.known.bytes("firmware")) },
            acpi: try ["acpi_loader", "acpi_rsdp", "acpi_tables"].map(given), bootOption: try given("Boot0000"))
        platform.variables = try FirmwareEvent.SecureBootVariable.allCases.map { variable in
            try event(variable.rawValue) { FirmwareEvent.variable(variable) }
        }
        platform.separator = try event("separator") { platform.separator }
        platform.bootOrder = try event("BootOrder") { platform.bootOrder }
        return try platform.register()
    }

    private static func playKernel(_ inputs: LaunchInputs) throws -> CaseResult {
        let (fields, initrd) = (inputs.fields, try inputs.blob("initrd"))
        let initrdEvent = try fields.hex("initrd_event_sha384") ?? initrd.map { FirmwareEvent.digest($0) }
        let kernel =
            try fields.hex("kernel_authenticode_sha384")
            ?? PortableExecutable(parsing: try inputs.known.bytes("kernel")).sha384
        let commandLine =
            try fields.hex("cmdline_event_sha384")
            ?? FirmwareEvent.commandLine(fields.text("cmdline") ?? "", initrd: initrdEvent == nil ? .none : .last)
        return try registers(
            inputs.known,
            [
                1: DirectBoot.bootRegister(kernel: kernel),
                2: DirectBoot.kernelRegister(commandLine: commandLine, initrd: initrdEvent),
            ])
    }

    /// Registers by number, which must be those of the quote when the case has one. The first is the case's digest.
    private static func registers(
        _ known: EvidenceCase, _ registers: [Int: MeasurementRegister]
    ) throws -> CaseResult {
        if let quoted = try quoted(known) {
            for (index, register) in registers where quoted.rtmr[index] != register.value {
                return CaseResult(.reject, reason: "measurement: rtmr\(index) of the quote is not that of this launch")
            }
        }
        let named = registers.sorted { $0.key < $1.key }.map { ("rtmr\($0.key)", $0.value.value) }
        return result(named.first?.0 ?? "", named)
    }

    /// The digests of the events that every direct boot has.
    private static var constants: JSONValue {
        let variables = FirmwareEvent.SecureBootVariable.allCases.map { ($0.rawValue, FirmwareEvent.variable($0)) }
        let others = [
            ("BootOrder=0000 (data only)", FirmwareEvent.bootOrder([0])),
            ("EV_SEPARATOR (4 zero bytes)", FirmwareEvent.separator),
            ("Calling EFI Application from Boot Option", FirmwareEvent.callingApplication),
            ("Exit Boot Services Invocation", FirmwareEvent.exitInvocation),
            ("Exit Boot Services Returned with Success", FirmwareEvent.exitSuccess),
        ]
        return .object(
            Dictionary(uniqueKeysWithValues: (variables + others).map { ($0.0, JSONValue.string(Hex.encode($0.1))) }))
    }
}
