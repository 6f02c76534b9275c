import Crypto
import Evidence
import Foundation
import TestSupport
import Testing
import WireFormat

@Suite("SNP launch measurements", .enabled(if: Vectors.available))
struct LaunchDigestTests {
    private static let calculated = EvidenceCase.named("launch.snp.").filter {
        $0.params.mode == "snp" && $0.files["firmware"] != nil
    }

    private func writer(_ name: String?) -> SaveArea.Writer {
        switch name {
        case "GCE": .gce
        case "EC2": .ec2
        case "EC2-rdx0": .ec2WithoutSignature
        default: .qemu
        }
    }

    private func kernel(_ known: EvidenceCase) throws -> KernelHashTable? {
        func input(_ name: String?) throws -> [UInt8] {
            guard let name, name.hasPrefix("launch/") else { return [] }
            return try Vectors.bytes("evidence/\(name)")
        }
        guard let kernel = known.params.kernel, kernel != "absent" else { return nil }
        return KernelHashTable(
            kernel: try input(kernel), initrd: try input(known.params.initrd), commandLine: known.params.cmdline ?? "")
    }

    @Test func `there are cases`() {
        #expect(Self.calculated.count > 15)
    }

    @Test(arguments: calculated)
    func `a measurement is calculated or refused as expected`(known: EvidenceCase) throws {
        let image = try #require(try known.bytes("firmware"))
        func measure() throws -> LaunchMeasurement {
            var firmware = try MeasuredFirmware(image: image)
            if let hash = known.params.ovmf_hash {
                firmware = MeasuredFirmware(digest: try LaunchMeasurement(hex: hash), tables: firmware.tables)
            }
            return try SNPLaunch(
                firmware: firmware, kernel: try kernel(known), processors: known.params.vcpus ?? 1,
                signature: known.params.vcpu_sig ?? ProcessorModel.epycV4.rawValue,
                features: known.params.guest_features ?? 1, writer: writer(known.params.vmm_type)
            ).measurement()
        }
        if known.expect.verdict == "accept" {
            #expect(try measure().hex == known.expect.digest)
        } else {
            #expect(throws: WireError.self) { try measure() }
        }
    }

    @Test(arguments: EvidenceCase.named("launch.vmsa."))
    func `a save area is built byte for byte`(known: EvidenceCase) throws {
        let area = SaveArea(
            startAddress: known.params.eip ?? 0, features: known.params.sev_features ?? 0,
            signature: known.params.vcpu_sig ?? 0, writer: writer(known.params.vmm_type))
        #expect(try area.bytes == known.bytes("expected"))
    }

    @Test func `the hash of a firmware image is calculated`() throws {
        let known = try #require(EvidenceCase.named("launch.snp.ovmf-hash").first)
        let image = try #require(try known.bytes("firmware"))
        #expect(try MeasuredFirmware.digest(of: image).hex == known.expect.digest)
    }

    @Test func `a report of real hardware carries the measurement that its inputs give`() throws {
        struct Inputs: Decodable {
            struct Section: Decodable {
                var gpa: UInt32
                var size: UInt32
                var type: UInt32
            }
            var ovmf_hash: String
            var ovmf_sections: [Section]
            var reset_eip: UInt32
            var hashes_table_gpa: UInt32
            var kernel_sha256: String
            var initrd_sha256: String
            var cmdline: String
            var vcpus: Int
        }
        let path = "evidence/launch/snp-dstack-golden/inputs.json"
        let inputs = try JSONDecoder().decode(Inputs.self, from: Data(try Vectors.bytes(path)))
        let sections = try inputs.ovmf_sections.map { section in
            try OVMFTables.Section(
                address: section.gpa, size: section.size,
                kind: #require(OVMFTables.Section.Kind(rawValue: section.type)))
        }
        let launch = SNPLaunch(
            firmware: MeasuredFirmware(
                digest: try LaunchMeasurement(hex: inputs.ovmf_hash),
                tables: OVMFTables(
                    resetVector: inputs.reset_eip, hashTableAddress: inputs.hashes_table_gpa, sections: sections)),
            kernel: try KernelHashTable(
                kernelSHA256: Hex.decode(inputs.kernel_sha256, field: "kernel"),
                initrdSHA256: Hex.decode(inputs.initrd_sha256, field: "initrd"), commandLine: inputs.cmdline),
            processors: inputs.vcpus)
        let report = try SNPReport(parsing: try Vectors.bytes("evidence/snp/real/milan-v3-dstack-golden/report.bin"))
        #expect(try launch.measurement() == report.measurement)
    }

    @Test func `EC2 firmware known by its metadata only`() throws {
        let known = try #require(EvidenceCase.named("launch.snp.ec2-aws-image-1").first)
        let sections: [(UInt32, UInt32, OVMFTables.Section.Kind)] = [
            (0x80_0000, 0x9000, .securityMemory), (0x80_A000, 0x3000, .securityMemory), (0x80_D000, 0x1000, .secrets),
            (0x80_E000, 0x1000, .cpuid), (0x80_F000, 0x11000, .securityMemory),
        ]
        let json = try JSONValue.parse(try Vectors.bytes("evidence/launch/fw/ovmf_img_1.metadata.json"))
        let launch = SNPLaunch(
            firmware: MeasuredFirmware(
                digest: try LaunchMeasurement(hex: #require(json["OVMFHash"]?.stringValue)),
                tables: OVMFTables(
                    resetVector: 0x80_B004, hashTableAddress: nil,
                    sections: try sections.map { try .init(address: $0.0, size: $0.1, kind: $0.2) })),
            kernel: nil, processors: 2, writer: .ec2WithoutSignature)
        #expect(try launch.measurement().hex == known.expect.digest)
    }

    @Test func `an identity key is named by its digest`() throws {
        let known = try #require(EvidenceCase.named("launch.idblock.key-digest").first)
        let pairs = [
            (known.params.id_key_public, known.expect.id_key_digest),
            (known.params.author_key_public, known.expect.author_key_digest),
        ]
        for (point, digest) in pairs {
            let point = try #require(point)
            let found = try IdentityBlock.keyDigest(
                x: Hex.decode(point.x, field: "x"), y: Hex.decode(point.y, field: "y"))
            #expect(Hex.encode(found) == digest)
        }
    }

    @Test func `an identity block has 96 bytes with every part in its place`() throws {
        let block = try IdentityBlock(
            measurement: LaunchMeasurement(bytes: [UInt8](repeating: 1, count: 48)),
            familyID: [UInt8](repeating: 2, count: 16), imageID: [UInt8](repeating: 3, count: 16), guestSVN: 4,
            policy: .launch)
        let expected: [UInt8] =
            [UInt8](repeating: 1, count: 48) + [UInt8](repeating: 2, count: 16) + [UInt8](repeating: 3, count: 16)
            + [1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0x13, 0, 0, 0, 0, 0]
        #expect(block.bytes == expected)
        #expect(throws: WireError.self) {
            try IdentityBlock(measurement: block.measurement, familyID: [], imageID: [], guestSVN: 0, policy: .launch)
        }
    }

    @Test func `firmware tables cut short are refused`() throws {
        let image = try Vectors.bytes("evidence/launch/fw/ovmf_AmdSev_suffix.bin")
        for length in 0..<image.count {
            #expect(throws: WireError.self) { try OVMFTables(firmware: Array(image.prefix(length))) }
        }
        // From the other side everything up to the metadata may be missing, the rest may not.
        for length in 0..<image.count { _ = try? OVMFTables(firmware: Array(image.suffix(length))) }
    }

    @Test func `changed firmware tables never trap`() throws {
        let image = try Vectors.bytes("evidence/launch/fw/ovmf_AmdSev_suffix.bin")
        for index in image.indices where image[index] != 0 || index.isMultiple(of: 16) {
            for pattern: UInt8 in [0x01, 0x80, 0xFF] {
                var changed = image
                changed[index] ^= pattern
                _ = try? OVMFTables(firmware: changed)
            }
        }
    }
}

@Suite("Soft launch measurements")
struct SoftLaunchTests {
    private func launch() -> SoftLaunch {
        SoftLaunch(
            firmware: [UInt8](repeating: 0xF4, count: 65536),
            kernel: KernelHashTable(kernel: [1, 2, 3], initrd: [4, 5], commandLine: "quiet"), processors: 1)
    }

    @Test func `each input changes the measurement`() throws {
        let known = try launch().measurement()
        #expect(try launch().measurement() == known)
        var variants: [SoftLaunch] = []
        var changed = launch()
        changed.firmware[65535] ^= 1
        variants.append(changed)
        for (kernel, initrd, text) in [
            ([1, 2], [4, 5], "quiet"), ([1, 2, 3], [4], "quiet"), ([1, 2, 3], [4, 5], "quiet "),
        ] {
            changed = launch()
            changed.kernel = KernelHashTable(
                kernel: kernel.map { UInt8($0) }, initrd: initrd.map { UInt8($0) }, commandLine: text)
            variants.append(changed)
        }
        changed = launch()
        changed.processors = 2
        variants.append(changed)
        let digests = try variants.map { try $0.measurement() }
        #expect(Set(digests + [known]).count == 6)
        #expect(try launch().report()["technology"] == "soft-snp")
    }

    @Test func `a firmware of broken pages or without processors is refused`() {
        var broken = launch()
        broken.firmware.removeLast()
        #expect(throws: WireError.self) { try broken.measurement() }
        broken = launch()
        broken.processors = 0
        #expect(throws: WireError.self) { try broken.measurement() }
    }
}
