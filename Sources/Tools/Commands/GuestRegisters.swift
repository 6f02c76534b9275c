import ArgumentParser
import Evidence
import GuestImage
import Verifier
import WireFormat

/// How a guest image boots with OVMF and a TPM.
struct GuestRegisterOptions: ParsableArguments {
    @Option(help: "An OVMF for machines with a TPM: also tell the registers of measured boots.")
    var tpmFirmware: String?
    @OptionGroup var measuredBoot: MeasuredBootOptions
    @Option(
        help: ArgumentHelp(
            "The guest's memory, for QEMU that fills in the kernel's header before it is measured, such as 7.2; often.",
            valueName: "MiB"))
    var tpmMemory: [UInt64] = []
    @Flag(help: "The firmware names the initrd before the command line, as since late 2025, and not after it.")
    var initrdFirst = false

    /// A boot of the image, with what it leaves in the registers.
    struct Boot {
        let debug: Bool
        let memoryMiB: UInt64?
        let boot: MeasuredBoot
        let banks: PCRBanks
    }

    func validate() throws {
        if tpmFirmware == nil,
            !tpmMemory.isEmpty || initrdFirst || !measuredBoot.volumeWrite.isEmpty
                || !measuredBoot.firmwareVersion.isEmpty
        {
            throw ValidationError("What a TPM's registers hold is told with --tpm-firmware.")
        }
    }

    /// The boots that are asked for: none without a firmware.
    func boots(kernel: [UInt8], initrd: [UInt8]) throws -> [Boot] {
        guard let tpmFirmware else { return [] }
        let firmware = try measuredBoot.firmware(try StateFolder.read(tpmFirmware))
        var boots: [Boot] = []
        for debug in [false, true] {
            for memory in tpmMemory.isEmpty ? [nil] : tpmMemory.map(Optional.some) {
                let boot = try MeasuredBoot(
                    firmware: firmware,
                    kernel: try MeasuredBootOptions.handedOver(kernel, initrdSize: initrd.count, memoryMiB: memory),
                    initrd: initrd, commandLine: GuestCommandLine.text(debug: debug),
                    initrdName: initrdFirst ? .first : .last)
                boots.append(Boot(debug: debug, memoryMiB: memory, boot: boot, banks: try boot.banks()))
            }
        }
        return boots
    }
}

extension GuestRegisterOptions.Boot {
    /// The boot for scripts.
    var json: JSONValue {
        var members = BootedRegisters(debug: debug, banks: banks).json.objectValue ?? [:]
        if let whole = try? MeasuredBootOptions.registration(banks) {
            members["measurement"] = .string(Hex.encode(whole))
        }
        if let memoryMiB { members["memoryMiB"] = .integer(Int64(clamping: memoryMiB)) }
        return .object(members)
    }

    /// Rows for people: kind, memory, bank, register, value.
    var rows: [[String]] {
        let whole = try? MeasuredBootOptions.registration(banks)
        return (MeasuredBootOptions.rows(banks) + (whole.map { [["sha384", "measurement", Hex.encode($0)]] } ?? [])).map
        {
            [debug ? "debug" : "release", memoryMiB.map { "\($0) MiB" } ?? "-"] + $0
        }
    }
}
