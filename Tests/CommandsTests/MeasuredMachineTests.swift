import Evidence
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands

/// What the commands tell of a boot, against a TPM that saw one.
@Suite(
    "Measured boots of real machines",
    .enabled(
        if: MeasuredMachine.isAvailable, "needs the packages ovmf, swtpm and qemu-system-x86, and a built guest image"),
    .serialized)
struct MeasuredMachineTests {
    private let stage: ScratchFolder
    private let artefacts: Artefacts

    /// What is booted.
    private struct Artefacts {
        var kernel: String
        var initrd: String
        var commandLine: String
    }

    init() throws {
        stage = try ScratchFolder()
        artefacts = Artefacts(
            kernel: "\(TinyGuest.image)/kernel", initrd: "\(TinyGuest.image)/initrd",
            commandLine: GuestCommandLine.debug)
    }

    /// Debian's firmware of which it is known what it writes into its early volume on this machine: what its PlatformPei
    /// keeps of the host bridge, the memory, the address width and the processors.
    private static let known = "b157d97b1f69729514feb7f201d2cbe4957f23ab77920e361fe9f822ba49ca4c"
    private static let written =
        "0xe0d8=c02900000000000000000000000000010000000000000000100000002800000080000000000000000000000000"
        + "0000000000e00000000000000020000000000000c00000003c006000000000000000a000000000000000000000"
        + "000000000100000001000000400000000080f73f008008000101"

    private func bytes(_ path: String) throws -> [UInt8] { try Array(Data(contentsOf: URL(fileURLWithPath: path))) }

    private func isKnownFirmware() throws -> Bool {
        Hex.encode(TPMHash.sha256.digest(try bytes(MeasuredMachine.firmware))) == Self.known
    }

    /// What the registers must hold, by `testudo evidence measure`.
    private func told(_ artefacts: Artefacts) throws -> PCRBanks {
        var words = [
            "--tee", "tpm", "--firmware", MeasuredMachine.firmware, "--kernel", artefacts.kernel, "--initrd",
            artefacts.initrd, "--append", artefacts.commandLine, "--filled-kernel", "--memory",
            "\(MeasuredMachine.memoryMiB)", "--json",
        ]
        if try isKnownFirmware() { words += ["--volume-write", Self.written] }
        let report = try EvidenceMeasureCommand.parse(words).report()
        #expect(report.status == 0, "\(report)")
        return try PCRBanks(json: JSONValue.parse(text: report.output))
    }

    private func boot(_ artefacts: Artefacts) throws -> MeasuredMachine {
        try MeasuredMachine(kernel: artefacts.kernel, initrd: artefacts.initrd, commandLine: artefacts.commandLine)
    }

    /// Compares value for value; answers the registers that were told.
    private func compare(_ told: PCRBanks, _ tpm: EmulatedTPM) throws -> Set<Int> {
        for (bank, registers) in told.values {
            for (register, value) in registers {
                #expect(
                    Hex.encode(try tpm.register(bank, register)) == Hex.encode(value), "\(bank.name) PCR \(register)")
            }
        }
        #expect(Set(told.values.keys) == [.sha256, .sha384])
        return Set(told.values[.sha256].map { Array($0.keys) } ?? [])
    }

    private static let nonce = "00112233445566778899aabbccddeeff"

    /// `testudo evidence verify` of a quote that the TPM signed, against values for its registers.
    private func verify(_ quote: (evidence: JSONValue, key: [UInt8]), _ values: PCRBanks) async throws -> PolicyReport {
        let words = [
            "--offline", "--cache", stage.path, "--tee", "tpm",
            try stage.write("quote", quote.evidence.canonicalBytes),
            "--attestation-key", try stage.write("key", quote.key), "--report-data", Self.nonce, "--registers",
            try stage.write("values", values.json.canonicalBytes),
        ]
        return try await EvidenceVerifyCommand.parse(words).report()
    }

    @Test
    func `registers after a boot hold what was told of firmware, kernel, initrd and command line, and no other boot`()
        async throws
    {
        let values = try told(artefacts)
        let tpm = try boot(artefacts).tpm()
        let compared = try compare(values, tpm)
        #expect(compared.isSuperset(of: [2, 3, 4, 5, 6, 7, 9]))
        if try isKnownFirmware() { #expect(compared == [0, 1, 2, 3, 4, 5, 6, 7, 9]) }
        let nonce = try Hex.decode(Self.nonce, field: "nonce")
        let quote = try tpm.quote(nonce: nonce)
        let accepted = try await verify(quote, values)
        #expect(accepted.status == 0 && accepted.output.contains("ok      PCR 9: sha256:"), "\(accepted)")
        #expect(!accepted.output.contains("what booted"))

        // What differs in one thing is told to be something else, and the genuine quote is refused for it.
        var (kernel, initrd, commandLine) = (artefacts, artefacts, artefacts)
        var image = try bytes(artefacts.kernel)
        image[0x200 + Int(image[0x20E]) + Int(image[0x20F]) << 8 + 8] ^= 0x20  // a letter of its version, in its header
        kernel.kernel = try stage.write("kernel", image)
        initrd.initrd = try stage.write("initrd", try bytes(artefacts.initrd) + [0, 0, 0, 0])
        commandLine.commandLine += " quiet"
        // QEMU writes the size of the initrd into the kernel's header, so another one is seen in register 4 already.
        for (other, register) in [(kernel, 4), (initrd, 4), (commandLine, 9)] {
            let refused = try await verify(quote, try told(other))
            #expect(refused.status == 1 && refused.output.contains("refused: measurement: "), "\(refused)")
            #expect(refused.output.contains("FAILED  PCR \(register): sha256:"), "\(refused)")
        }

        // The attack: a machine that booted all three of them is not taken for the genuine one.
        let forged = Artefacts(kernel: kernel.kernel, initrd: initrd.initrd, commandLine: commandLine.commandLine)
        let attackers = try boot(forged).tpm()
        _ = try compare(try told(forged), attackers)
        let refused = try await verify(try attackers.quote(nonce: nonce), values)
        #expect(refused.status == 1 && refused.output.contains("refused: measurement: "), "\(refused)")
    }
}
