import ArgumentParser
import Evidence
import Foundation
import WireFormat

/// `testudo evidence measure`: what the evidence of a guest must say, from what the guest is started with.
struct EvidenceMeasureCommand: ParsableCommand {
    /// The technologies whose launches are computed.
    enum Mode: String, ExpressibleByArgument, CaseIterable {
        /// SEV-SNP: the measurement in reports.
        case snp
        /// SEV: the digest that LAUNCH_MEASURE authenticates.
        case sev
        /// SEV-ES: the same, with the processors' save areas.
        case seves
        /// TDX: MRTD, and the registers of a direct boot as far as they are given.
        case tdx
        /// A boot that OVMF measures into a TPM: what its registers end with.
        case tpm
    }

    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Compute launch measurements from firmware, kernel, initrd and command line.",
        discussion: """
            Under TDX a kernel gives rtmr1 and rtmr2, --memory the event td_hob, and rtmr0 is printed when --event gives \
            what cannot be computed: acpi_loader, acpi_rsdp, acpi_tables and Boot0000.

            For a TPM the registers of a boot with OVMF are printed, in the SHA-256 and SHA-384 banks; --json is what \
            `evidence verify --registers` takes. --filled-kernel and --memory are for QEMU that fills in the kernel's header.

            Exit status: 0 when everything was computed; 1 when there is no such launch, as with a kernel and a firmware \
            that has no place for its hashes; 2 when a file cannot be read.
            """)

    @Option(name: [.customLong("mode"), .customLong("tee")], help: "The technology: snp, sev, seves, tdx or tpm.")
    var mode: Mode
    @Option(help: "The firmware image; under snp the end of one, with its tables, is enough beside --ovmf-hash.")
    var firmware: String
    @Option(help: "The kernel, when it is booted directly.") var kernel: String?
    @Option(help: "The initrd.") var initrd: String?
    @Option(help: "The kernel's command line.") var append: String?
    @Option(help: "How many virtual processors there are.") var vcpus = 1
    @Option(help: "The processor model as QEMU names it, such as EPYC-v4 or EPYC-Milan (default: EPYC-v4).")
    var vcpuType: String?
    @Option(help: "The CPUID signature instead of a model, such as 0xa00f11.") var vcpuSig: String?
    @Option(help: "Who starts the guest: \(SaveArea.Writer.allCases.map(\.rawValue).joined(separator: ", ")).")
    var vmmType = SaveArea.Writer.qemu.rawValue
    @Option(help: "SEV_FEATURES under snp: 0x1 is SNP alone, 0x21 SNP with DebugSwap.") var guestFeatures = "0x1"
    @Option(help: "The digest of the firmware's pages under snp, in hex, instead of computing it.")
    var ovmfHash: String?
    @Option(help: "The order of pages under tdx: single-pass (QEMU 9 and later, GCE) or two-pass.")
    var pageOrder = TDXLaunch.PageOrder.singlePass.rawValue
    @Option(help: "The guest's memory in MiB, under tdx and tpm.") var memory: UInt64?
    @Flag(
        help:
            "The kernel's header is filled in before it is measured, as by QEMU 7.2, under tdx and tpm; needs --memory."
    )
    var filledKernel = false
    @Flag(
        help:
            "The firmware names the initrd before the command line, as since late 2025, and not after it, under tdx and tpm."
    )
    var initrdFirst = false
    @OptionGroup var measuredBoot: MeasuredBootOptions
    @Option(
        help: ArgumentHelp("The SHA-384 of an event of rtmr0 under tdx; may be given often.", valueName: "name=hex"))
    var event: [String] = []
    @Flag(help: "Print JSON instead of text.") var json = false

    func validate() throws {
        if vcpuType != nil, vcpuSig != nil { throw ValidationError("Give --vcpu-type or --vcpu-sig, not both.") }
        if kernel == nil, initrd != nil || append != nil {
            throw ValidationError("--initrd and --append need --kernel.")
        }
        if mode != .snp, ovmfHash != nil { throw ValidationError("--ovmf-hash is for --mode snp.") }
        if mode != .tdx, !event.isEmpty { throw ValidationError("--event is for --mode tdx.") }
        if mode != .tdx, mode != .tpm, memory != nil {
            throw ValidationError("--memory is for --mode tdx and --mode tpm.")
        }
        if mode != .tpm, !measuredBoot.volumeWrite.isEmpty || !measuredBoot.firmwareVersion.isEmpty {
            throw ValidationError("--volume-write and --firmware-version are for --mode tpm.")
        }
        if mode == .tpm, kernel == nil { throw ValidationError("--mode tpm is of a direct boot: it needs --kernel.") }
        if mode == .tpm, memory != nil, !filledKernel {
            throw ValidationError("--memory says nothing under --mode tpm unless --filled-kernel does.")
        }
        if filledKernel, kernel == nil || memory == nil {
            throw ValidationError("--filled-kernel needs --kernel and --memory.")
        }
        if filledKernel, append?.contains("vga=") == true {
            throw ValidationError("--filled-kernel cannot be told for a command line with vga=, which QEMU acts on.")
        }
        if mode != .tdx, mode != .tpm, filledKernel || initrdFirst {
            throw ValidationError("--filled-kernel and --initrd-first are for --mode tdx and --mode tpm.")
        }
        if SaveArea.Writer(name: vmmType) == nil { throw ValidationError("--vmm-type \(vmmType) is not known.") }
        if TDXLaunch.PageOrder(rawValue: pageOrder) == nil {
            throw ValidationError("--page-order \(pageOrder) is not known.")
        }
        if let vcpuType, ProcessorModel(name: vcpuType) == nil {
            throw ValidationError("--vcpu-type \(vcpuType) is not known; --vcpu-sig takes any signature.")
        }
        if let vcpuSig, Self.number(vcpuSig).flatMap(UInt32.init(exactly:)) == nil {
            throw ValidationError("--vcpu-sig is a number of 32 bits.")
        }
        if Self.number(guestFeatures) == nil { throw ValidationError("--guest-features is a number of 64 bits.") }
    }

    func run() throws { try report().finish() }

    func report() throws -> PolicyReport {
        do {
            if mode == .tpm { return try registerReport() }
            let digests = try digests()
            return PolicyReport(
                output: json ? Self.object(digests).prettyText : TextTable.render(Self.rows(digests)),
                complaint: ShownText.line(assumptions))
        } catch let error as WireError {
            return .failure("there is no such launch: \(error)", hint: Self.hint(error), status: 1, json: json)
        } catch let error as CommandFailure {
            return .failure(error.what, hint: error.hint, json: json)
        }
    }

    /// Only one build of OVMF has a place for the hashes of a kernel.
    private static func hint(_ error: WireError) -> String? {
        guard error.field == "firmware", error.reason.contains("so a kernel cannot be measured") else { return nil }
        return
            "a kernel is measured by the AmdSev build of OVMF: OVMF.amdsev.fd in /usr/share/ovmf of Ubuntu's ovmf-amdsev or in "
            + "/usr/share/edk2/ovmf of Fedora's edk2-ovmf, or OvmfPkg/AmdSev/AmdSevX64.dsc of edk2; without --kernel the firmware "
            + "boots from a disk"
    }

    /// What the digests hold for, options given and defaults alike: another processor count is another measurement. On
    /// standard error, so that the digests stand alone.
    private var assumptions: String {
        var assumed: [String] = []
        if mode == .snp || mode == .seves {
            let model = vcpuSig.map { "of signature \($0)" } ?? (vcpuType ?? "EPYC-v4")
            assumed += ["\(vcpus) virtual processor\(vcpus == 1 ? "" : "s") \(model)", "started by \(vmmType)"]
        }
        if mode == .snp { assumed.append("guest features \(guestFeatures)") }
        if mode == .tdx { assumed.append("pages in \(pageOrder) order") }
        if kernel == nil {
            assumed.append(
                mode == .tdx ? "no kernel given: no rtmr1 and rtmr2" : "no kernel: the firmware boots from a disk")
        } else {
            assumed += [
                initrd == nil ? "no initrd" : "the initrd given",
                append.map { "command line '\($0)'" } ?? "an empty command line",
            ]
        }
        return "assumed: \(assumed.joined(separator: ", "))"
    }

    /// The digests by name, in the order in which they are printed.
    private func digests() throws -> [(name: String, value: [UInt8])] {
        switch mode {
        case .snp: try snp()
        case .sev: [("launch_digest", try sev(.none).digest())]
        case .seves:
            [
                (
                    "launch_digest",
                    try sev(.described(processors: vcpus, signature: signature, writer: writer)).digest()
                )
            ]
        case .tdx: try tdx()
        case .tpm: []  // registers, not digests of a launch
        }
    }

    private func registerReport() throws -> PolicyReport {
        let initrdBytes = try initrd.map { try read($0) }
        let boot = try MeasuredBoot(
            firmware: try measuredBoot.firmware(try read(firmware)),
            kernel: try handedOver(try read(kernel ?? ""), initrdSize: initrdBytes?.count ?? 0),
            initrd: initrdBytes, commandLine: append ?? "", initrdName: initrdFirst ? .first : .last)
        let banks = try boot.banks()
        var rows = MeasuredBootOptions.rows(banks)
        if let whole = try MeasuredBootOptions.registration(banks) {
            rows.append(["sha384", "measurement", Hex.encode(whole)])
        }
        let told = MeasuredBootOptions.assumptions(boot).joined(separator: ", ")
        return PolicyReport(
            output: json ? banks.json.prettyText : TextTable.render(rows),
            complaint: ShownText.line("\(assumptions), \(told)"))
    }

    private func snp() throws -> [(name: String, value: [UInt8])] {
        let image = try read(firmware)
        let tables = try OVMFTables(firmware: image)
        let digest = try ovmfHash.map { try LaunchMeasurement(hex: $0) } ?? MeasuredFirmware.digest(of: image)
        let launch = SNPLaunch(
            firmware: MeasuredFirmware(digest: digest, tables: tables), kernel: try hashTable(), processors: vcpus,
            signature: signature, features: Self.number(guestFeatures) ?? 1, writer: writer)
        return [("measurement", try launch.measurement().bytes), ("ovmf_hash", digest.bytes)]
    }

    private func sev(_ saveAreas: SEVLaunch.SaveAreas) throws -> SEVLaunch {
        SEVLaunch(firmware: try read(firmware), kernel: try hashTable(), saveAreas: saveAreas)
    }

    private func tdx() throws -> [(name: String, value: [UInt8])] {
        let order = TDXLaunch.PageOrder(rawValue: pageOrder) ?? .singlePass
        let launch = try TDXLaunch(firmware: try read(firmware), pageOrder: order)
        var digests = [(name: "mrtd", value: try launch.measurement().bytes)]
        let events = try platformEvents(launch)
        if let register = try Self.platform(events) { digests.append(("rtmr0", register.value)) }
        if let kernel {
            let initrdBytes = try initrd.map { try read($0) }
            let line = FirmwareEvent.commandLine(
                append ?? "", initrd: initrdBytes == nil ? .none : initrdFirst ? .first : .last)
            let image = try handedOver(try read(kernel), initrdSize: initrdBytes?.count ?? 0)
            let program = try PortableExecutable(parsing: image)
            let initrdEvent = initrdBytes.map { FirmwareEvent.digest($0) }
            digests.append(("rtmr1", try DirectBoot.bootRegister(kernel: program.sha384).value))
            digests.append(("rtmr2", try DirectBoot.kernelRegister(commandLine: line, initrd: initrdEvent).value))
        }
        for name in ["td_hob", "cfv"] where events[name] != nil { digests.append((name, events[name] ?? [])) }
        return digests
    }

    /// The kernel as the firmware gets it.
    private func handedOver(_ kernel: [UInt8], initrdSize: Int) throws -> [UInt8] {
        try MeasuredBootOptions.handedOver(
            kernel, initrdSize: initrdSize, memoryMiB: filledKernel ? memory ?? 0 : nil)
    }

    private func memoryBytes() throws -> UInt64? {
        guard let memory else { return nil }
        let bytes = memory.multipliedReportingOverflow(by: 1 << 20)
        guard !bytes.overflow else { throw WireError(field: "memory", reason: "is out of range") }
        return bytes.partialValue
    }

    /// The events of RTMR 0 that were given or can be computed.
    private func platformEvents(_ launch: TDXLaunch) throws -> [String: [UInt8]] {
        var events: [String: [UInt8]] = [:]
        if let bytes = try memoryBytes() {
            let list = try HandoffBlocks(metadata: launch.metadata, memory: bytes)
            events["td_hob"] = FirmwareEvent.digest(list.measuredBytes)
        }
        if let volume = launch.metadata.sections.first(where: { $0.kind == .configurationVolume }) {
            events["cfv"] = FirmwareEvent.digest(try TDVFMetadata.data(of: volume, in: launch.firmware))
        }
        for word in event {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, Self.platformNames.contains(parts[0]) else {
                throw WireError(field: "event", reason: "is not one of \(Self.platformNames.joined(separator: ", "))")
            }
            events[parts[0]] = try Hex.decode(parts[1], field: parts[0])
        }
        return events
    }

    private static let platformNames = ["td_hob", "cfv", "acpi_loader", "acpi_rsdp", "acpi_tables", "Boot0000"]

    /// RTMR 0; nil when an event is missing.
    private static func platform(_ events: [String: [UInt8]]) throws -> MeasurementRegister? {
        let found = platformNames.compactMap { events[$0] }
        guard found.count == platformNames.count else { return nil }
        return try DirectBoot.Platform(
            handoffBlocks: found[0], configurationVolume: found[1], acpi: Array(found[2...4]), bootOption: found[5]
        ).register()
    }

    private var writer: SaveArea.Writer { SaveArea.Writer(name: vmmType) ?? .qemu }

    private var signature: UInt32 {
        if let vcpuSig, let number = Self.number(vcpuSig) { return UInt32(truncatingIfNeeded: number) }
        return (vcpuType.flatMap { ProcessorModel(name: $0) } ?? .epycV4).rawValue
    }

    private func hashTable() throws -> KernelHashTable? {
        guard let kernel else { return nil }
        return KernelHashTable(
            kernel: try read(kernel), initrd: try initrd.map { try read($0) } ?? [], commandLine: append ?? "")
    }

    private func read(_ path: String) throws -> [UInt8] { try StateFolder.read(path, hint: "check the path") }

    /// A number in decimal, or in hex with `0x`.
    private static func number(_ text: String) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
    }

    private static func object(_ digests: [(name: String, value: [UInt8])]) -> JSONValue {
        .object(Dictionary(uniqueKeysWithValues: digests.map { ($0.name, .string(Hex.encode($0.value))) }))
    }

    private static func rows(_ digests: [(name: String, value: [UInt8])]) -> [[String]] {
        digests.map { [$0.name, Hex.encode($0.value)] }
    }
}
