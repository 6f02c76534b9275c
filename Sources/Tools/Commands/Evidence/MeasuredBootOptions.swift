import ArgumentParser
import Evidence
import Verifier
import WireFormat

/// What of a firmware's measurements does not stand in its image.
struct MeasuredBootOptions: ParsableArguments {
    @Option(help: "The version that the firmware was built with and measures first, when it has one.")
    var firmwareVersion = ""
    @Option(
        help: ArgumentHelp(
            "What the firmware has written into its early volume when it measures that, at an offset in it; often, or none "
                + "when it writes nothing. Without it register 0 is not told.", valueName: "offset=hex"))
    var volumeWrite: [String] = []

    /// Takes from an image what it measures of itself.
    func firmware(_ image: [UInt8]) throws(WireError) -> MeasuredBoot.Firmware {
        try MeasuredBoot.Firmware(
            try FirmwareVolumes(firmware: image), version: firmwareVersion, writes: try writes())
    }

    private func writes() throws(WireError) -> [FirmwareVolumes.Write]? {
        guard !volumeWrite.isEmpty else { return nil }
        guard volumeWrite != ["none"] else { return [] }
        var writes: [FirmwareVolumes.Write] = []
        for word in volumeWrite {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2,
                let offset = parts[0].hasPrefix("0x") ? Int(parts[0].dropFirst(2), radix: 16) : Int(parts[0])
            else { throw WireError(field: "--volume-write", reason: "is not an offset and what stands there: 0x10=ab") }
            writes.append(
                FirmwareVolumes.Write(offset: offset, bytes: try Hex.decode(parts[1], field: "--volume-write")))
        }
        return writes
    }

    /// The kernel as QEMU hands it over: with its header filled in when the guest's memory is told, else as it is.
    static func handedOver(_ kernel: [UInt8], initrdSize: Int, memoryMiB: UInt64?) throws(WireError) -> [UInt8] {
        guard let memoryMiB else { return kernel }
        let bytes = memoryMiB.multipliedReportingOverflow(by: 1 << 20)
        guard !bytes.overflow else { throw WireError(field: "memory", reason: "is out of range") }
        return try LinuxSetupHeader.filled(kernel, initrdSize: initrdSize, memory: bytes.partialValue)
    }

    /// Rows of a table: bank, register and value.
    static func rows(_ banks: PCRBanks) -> [[String]] {
        MeasuredBoot.banks.flatMap { bank in
            (banks.values[bank] ?? [:]).sorted { $0.key < $1.key }.map { [bank.name, "PCR \($0)", Hex.encode($1)] }
        }
    }

    /// The measurement under which a manifest's registration names a machine with these registers; nil when one of them is not
    /// told. Register 11 stays zero: there is no unified kernel image.
    static func registration(_ banks: PCRBanks) throws(WireError) -> [UInt8]? {
        var whole = banks
        try whole.set(.sha256, 11, [UInt8](repeating: 0, count: TPMHash.sha256.length))
        return BootMeasurement.machine(whole)
    }

    /// What the registers hold for, and which cannot be told.
    static func assumptions(_ boot: MeasuredBoot) -> [String] {
        ["no stored variables, no keys of secure boot", "no device that brings a program of its own"]
            + boot.open.sorted { $0.key < $1.key }.map { "not told: PCR \($0), as \($1)" }
    }
}
