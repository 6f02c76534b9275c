import Evidence
import EvidenceSamples
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Commands

@Suite("testudo evidence measure", .enabled(if: Vectors.available))
struct EvidenceMeasureTests {
    private let amd = Vectors.url("evidence/launch/fw/ovmf_AmdSev_suffix.bin").path
    private let plain = Vectors.url("evidence/launch/fw/ovmf_OvmfX64_suffix.bin").path
    private let intel = Vectors.url("evidence/launch/fw/OVMF.inteltdx.fd").path
    private let kernel = Vectors.url("evidence/launch/inputs/kernel.bin").path
    private let initrd = Vectors.url("evidence/launch/inputs/initrd.bin").path
    private let program = Vectors.url("evidence/launch/pe/td-payload.efi").path

    private func measure(_ words: [String]) throws -> PolicyReport {
        try EvidenceMeasureCommand.parse(words).report()
    }

    private func digests(_ words: [String]) throws -> JSONValue {
        let report = try measure(words + ["--json"])
        #expect(report.status == 0, "\(report.complaint)")
        return try JSONValue.parse(Array(report.output.utf8))
    }

    // What is expected here is what the manifest's cases with the same inputs expect.

    @Test func `a launch under SNP`() throws {
        let found = try digests([
            "--mode", "snp", "--firmware", amd, "--kernel", kernel, "--initrd", initrd, "--append",
            "quiet root=/dev/vda1 ro", "--vcpus", "2", "--vcpu-type", "EPYC-Milan",
        ])
        #expect(
            found["measurement"]
                == "2045f4296513e312e52d0818be3f6ee913bec6820e3662c5c1e5872bb952544839ec39d39d313845d7511c7f7cd9e1f1")
        #expect(
            found["ovmf_hash"]
                == "086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2c37faaa4b24af3aa16aff8c374c2a55c467a50da6d466b74")
        let text = try measure([
            "--mode", "snp", "--firmware", amd, "--vcpu-sig", "0x800f12", "--guest-features", "0x21", "--ovmf-hash",
            "086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2c37faaa4b24af3aa16aff8c374c2a55c467a50da6d466b74",
        ])
        #expect(
            text.output.contains(
                "e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af9b63f6e8a1674dbf281a9278a4a2ebe0eed9f22adbcd0e2b"))
        // Another processor count or model is another measurement, so what was assumed is told.
        #expect(text.complaint.contains("assumed: 1 virtual processor of signature 0x800f12, started by"), "\(text)")
        #expect(text.complaint.contains("guest features 0x21, no kernel"))
    }

    @Test func `launches under SEV and SEV-ES`() throws {
        let common = ["--firmware", amd, "--kernel", kernel, "--initrd", initrd, "--append", "quiet"]
        let sev = try digests(["--mode", "sev"] + common)
        #expect(sev["launch_digest"] == "cd70af7e96eda4751a63d9a5fe8ec0622a55bbcf5037e32a7b68f88b37800ea9")
        let seves = try digests(["--mode", "seves", "--vcpus", "2", "--vcpu-type", "EPYC-Rome"] + common)
        #expect(seves["launch_digest"] == "eb98f0082669b7583be166bed6efa6b1b1f3d9a9b023c237bf9cff98069ce9da")
    }

    @Test func `a launch under TDX`() throws {
        let events = ["acpi_loader", "acpi_rsdp", "acpi_tables", "Boot0000"].flatMap {
            ["--event", "\($0)=\(String(repeating: "ab", count: 48))"]
        }
        let found = try digests(
            ["--mode", "tdx", "--firmware", intel, "--page-order", "two-pass", "--memory", "2048", "--kernel", program]
                + events)
        #expect(
            found["mrtd"]
                == "307c9a6831bdd6e6f56d9305f9598d238d42e864a9144f11c0a46ee42e62ed81eb9845511a80fa77b200743d85d977e3")
        #expect(
            found["td_hob"]
                == "0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fdacbb37948f821ebaf8bc9c938ba8a749")
        #expect(
            found["cfv"]
                == "f87302177b059d54a2cf0c5f13340dbabf5c9dd60dc3f996c68b776fbe4de959769443a3d8ef6538b97d7e151c8298e8")
        #expect(
            Set(found.objectValue.map { Array($0.keys) } ?? []) == ["mrtd", "rtmr0", "rtmr1", "rtmr2", "td_hob", "cfv"])
        // Without its events RTMR 0 is not claimed.
        #expect(try digests(["--mode", "tdx", "--firmware", intel, "--memory", "2048"])["rtmr0"] == nil)
    }

    @Test func `kernel and command line are measured as the firmware gets them`() throws {
        let folder = try ScratchFolder()
        var image = try Array(Data(contentsOf: URL(fileURLWithPath: program)))
        image.replaceSubrange(0x202..<0x208, with: Array("HdrS".utf8) + [0x0F, 0x02])
        image[0x211] = 1
        image[0x236] = 2
        let plain = try folder.write("kernel", image)
        let size = try Data(contentsOf: URL(fileURLWithPath: initrd)).count
        let filled = try folder.write(
            "filled", try LinuxSetupHeader.filled(image, initrdSize: size, memory: 2048 << 20))
        func digests(_ kernel: String, _ words: [String] = []) throws -> JSONValue {
            try self.digests(
                ["--mode", "tdx", "--firmware", intel, "--memory", "2048", "--kernel", kernel, "--initrd", initrd]
                    + words)
        }
        let (old, new) = (try digests(plain, ["--filled-kernel"]), try digests(plain))
        #expect(old["rtmr1"] != new["rtmr1"])
        #expect(old == (try digests(filled)))
        let first = try digests(plain, ["--initrd-first"])
        #expect(first["rtmr1"] == new["rtmr1"])
        #expect(first["rtmr2"] != new["rtmr2"])
        #expect(throws: (any Error).self) { try digests(plain, ["--filled-kernel", "--append", "vga=1"]) }
        #expect(throws: (any Error).self) {
            try measure(["--mode", "tdx", "--firmware", intel, "--kernel", plain, "--filled-kernel"])
        }
    }

    @Test func `a boot that is measured into a TPM`() throws {
        let folder = try ScratchFolder()
        let firmware = try folder.write("firmware", try VolumeImage.bytes())
        let boot = [
            "--tee", "tpm", "--firmware", firmware, "--kernel", program, "--initrd", initrd, "--append", "quiet",
        ]
        func banks(_ words: [String]) throws -> PCRBanks { try PCRBanks(json: try digests(words)) }
        let plain = try banks(boot)
        #expect(plain.values.mapValues(\.count) == [.sha256: 8, .sha384: 8])
        // An event log's rule, written out: separator, then what the kernel's stub says when it leaves the firmware.
        #expect(
            Hex.encode(plain[.sha256, 5] ?? []) == "a5ceb755d043f32431d63e39f5161464620a3437280494b5850dc1b47cc074e0")
        #expect(plain[.sha256, 0] == nil)
        let text = try measure(boot)
        #expect(
            text.complaint.contains("not told: PCR 0, as what the firmware writes into its early volume"), "\(text)")
        #expect(text.output.contains("sha384  PCR 9"), "\(text)")
        let (none, written) = (
            try banks(boot + ["--volume-write", "none"]), try banks(boot + ["--volume-write", "0x10=0708"])
        )
        let versioned = try banks(boot + ["--volume-write", "none", "--firmware-version", "1"])
        #expect(Set([none[.sha384, 0], written[.sha384, 0], versioned[.sha384, 0], nil]).count == 4)
        #expect(none[.sha256, 4] == plain[.sha256, 4])
        // Registrations name a machine by one digest, which needs every register.
        let zero = [UInt8](repeating: 0, count: 32)
        let whole = TPMHash.sha384.digest([0, 1, 2, 3, 4, 5, 6, 7, 9].flatMap { none[.sha256, $0] ?? [] } + zero)
        #expect(try measure(boot + ["--volume-write", "none"]).output.contains(Hex.encode(whole)))
        #expect(!text.output.contains("measurement"))
        #expect(try banks(boot + ["--initrd-first"])[.sha256, 9] != plain[.sha256, 9])
        #expect(try measure(boot + ["--volume-write", "0xffffff=00"]).status == 1)
        #expect(try measure(boot + ["--volume-write", "0x10"]).status == 1)
        #expect(try measure(["--tee", "tpm", "--firmware", amd, "--kernel", program]).status == 1)
        #expect(throws: (any Error).self) { try measure(["--tee", "tpm", "--firmware", firmware]) }
        #expect(throws: (any Error).self) { try measure(boot + ["--memory", "1024"]) }
    }

    @Test func `a launch that cannot be is refused`() throws {
        let refused = try measure(["--mode", "snp", "--firmware", plain, "--kernel", kernel])
        #expect(refused.status == 1)
        #expect(refused.output.isEmpty)
        #expect(refused.complaint.contains("no section for kernel hashes"))
        #expect(refused.complaint.contains("OVMF.amdsev.fd in /usr/share/ovmf of Ubuntu's ovmf-amdsev"), "\(refused)")
        let other = try measure(["--mode", "snp", "--firmware", intel])
        #expect(other.status == 1 && !other.complaint.contains("amdsev"), "\(other)")
        #expect(try measure(["--mode", "snp", "--firmware", intel]).status == 1)
        #expect(try measure(["--mode", "tdx", "--firmware", amd]).status == 1)
        #expect(try measure(["--mode", "tdx", "--firmware", intel, "--event", "other=00"]).status == 1)
        #expect(try measure(["--mode", "sev", "--firmware", "/nowhere"]).status == 2)
    }

    @Test(arguments: [
        ["--vcpu-type", "EPYC", "--vcpu-sig", "1"], ["--initrd", "x"], ["--append", "x"], ["--vmm-type", "none"],
        ["--vcpu-type", "Xeon"], ["--vcpu-sig", "0x100000000"], ["--guest-features", "x"], ["--memory", "1"],
        ["--page-order", "x"], ["--initrd-first"], ["--volume-write", "none"], ["--firmware-version", "1"],
        ["--kernel", "x", "--memory", "1", "--filled-kernel"],
    ])
    func `options that make no sense are refused`(words: [String]) {
        #expect(throws: (any Error).self) { try measure(["--mode", "snp", "--firmware", amd] + words) }
    }
}
