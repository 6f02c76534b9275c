import Crypto
import Evidence
import EvidenceSamples
import TestSupport
import Testing
import WireFormat

@Suite("SEV and SEV-ES launches")
struct SEVLaunchTests {
    private let kernel = KernelHashTable(kernel: [1], initrd: [2], commandLine: "quiet")

    @Test func `everything that is loaded is hashed in its order`() throws {
        let image = try FirmwareImage().bytes()
        #expect(try SEVLaunch(firmware: image, kernel: nil).digest() == Array(SHA256.hash(data: image)))
        #expect(
            try SEVLaunch(firmware: image, kernel: kernel).digest() == Array(SHA256.hash(data: image + kernel.bytes)))
        let boot = SaveArea(startAddress: SaveArea.bootVector, features: 0, signature: 0x80_0F12).bytes
        let others = SaveArea(startAddress: 0x80_B004, features: 0, signature: 0x80_0F12).bytes
        let expected = Array(SHA256.hash(data: image + kernel.bytes + boot + others + others))
        let described = SEVLaunch.SaveAreas.described(processors: 3, signature: 0x80_0F12, writer: .qemu)
        #expect(try SEVLaunch(firmware: image, kernel: kernel, saveAreas: described).digest() == expected)
        let found = SEVLaunch.SaveAreas.found(boot: boot, others: others, processors: 3)
        #expect(try SEVLaunch(firmware: image, kernel: kernel, saveAreas: found).digest() == expected)
    }

    @Test func `a kernel needs a place for its hashes`() throws {
        let image = try FirmwareImage(hashTable: 0).bytes()
        #expect(throws: Never.self) { try SEVLaunch(firmware: image, kernel: nil).digest() }
        #expect(throws: WireError.self) { try SEVLaunch(firmware: image, kernel: kernel).digest() }
        #expect(throws: WireError.self) { try SEVLaunch(firmware: [1, 2, 3], kernel: kernel).digest() }
    }

    @Test func `save areas that cannot be are refused`() throws {
        let page = [UInt8](repeating: 0, count: 4096)
        let wrong: [SEVLaunch.SaveAreas] = [
            .described(processors: 0, signature: 0, writer: .qemu),
            .described(processors: 4097, signature: 0, writer: .qemu),
            .described(processors: .max, signature: 0, writer: .qemu),
            .found(boot: page, others: [], processors: 1), .found(boot: page + [0], others: page, processors: 1),
            .found(boot: page, others: page, processors: -1),
        ]
        for areas in wrong {
            #expect(throws: WireError.self) {
                try SEVLaunch(firmware: try FirmwareImage().bytes(), kernel: nil, saveAreas: areas).digest()
            }
        }
        // Only further processors need to be told where to start.
        func launch(_ processors: Int) -> SEVLaunch {
            SEVLaunch(
                firmware: [1, 2, 3], kernel: nil,
                saveAreas: .described(processors: processors, signature: 0, writer: .qemu))
        }
        #expect(throws: Never.self) { try launch(1).digest() }
        #expect(throws: WireError.self) { try launch(2).digest() }
        let tables = OVMFTables(resetVector: nil, hashTableAddress: nil, sections: [])
        let firmware = MeasuredFirmware(digest: LaunchPages().digest, tables: tables)
        func snp(_ processors: Int) -> SNPLaunch { SNPLaunch(firmware: firmware, kernel: nil, processors: processors) }
        #expect(throws: Never.self) { try snp(1).measurement() }
        #expect(throws: WireError.self) { try snp(2).measurement() }
    }

    @Test(.enabled(if: Vectors.available)) func `the answer to LAUNCH_MEASURE is computed`() throws {
        // The digest is upstream's; the vectors have it among what is expected.
        let digest = "c64bd101fc9a4a2ce0a27c408d9200911f139a895469b04a40a6fa2890830d23"
        let nonce = try Base64.decode("wxP6tRHCFrFQWxsuqZA8QA==", field: "nonce")
        let measure = try SEVLaunchMeasure(
            api: (1, 40), build: 40, policy: 3, digest: Hex.decode(digest, field: "digest"), nonce: nonce)
        let key = try Vectors.bytes("evidence/launch/sevctl/tik1.bin")
        #expect(
            try Base64.encode(measure.answer(key: key))
                == "lswbxWxI9gckya16JQvdFtpYmNO4b+3inAPpqsgoBI7DE/q1EcIWsVBbGy6pkDxA")
        #expect(throws: WireError.self) { try measure.answer(key: []) }
        #expect(throws: WireError.self) {
            try SEVLaunchMeasure(api: (1, 40), build: 40, policy: 3, digest: [], nonce: nonce)
        }
        #expect(throws: WireError.self) {
            try SEVLaunchMeasure(api: (1, 40), build: 40, policy: 3, digest: measure.digest, nonce: [])
        }
    }
}

@Suite("Launch pages")
struct LaunchPagesTests {
    /// The chain of links as the specification has it, one array after the other.
    private func chain(_ pages: [[UInt8]], kind: UInt8, at address: UInt64) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 48)
        for (index, page) in pages.enumerated() {
            var writer = ByteWriter()
            writer.append(digest)
            writer.append(SHA384.hash(data: page))
            writer.u16LE(0x70)
            writer.append([kind, 0, 0, 0, 0, 0])
            writer.u64LE(address + UInt64(index) * 4096)
            digest = Array(SHA384.hash(data: writer.bytes))
        }
        return digest
    }

    @Test func `pages are linked as specified`() throws {
        var pages = (0..<5).map { number in (0..<4096).map { UInt8(truncatingIfNeeded: $0 * 7 + number) } }
        // Pages like the one before, and pages that differ from it in one byte only, first or last.
        let zeros = [UInt8](repeating: 0, count: 4096)
        pages += [zeros, zeros, zeros.dropLast() + [1], [1] + zeros.dropFirst(), zeros, pages[0], pages[0]]
        var launch = LaunchPages()
        try launch.add(.normal, contents: pages.flatMap { $0 }, at: 0xFFC0_0000)
        #expect(launch.digest.bytes == chain(pages, kind: 1, at: 0xFFC0_0000))
        // A page without contents leaves no trace of the one before it.
        var first = LaunchPages(after: launch.digest)
        var second = launch
        first.add(.zero, at: 0x1000)
        second.add(.zero, at: 0x1000)
        #expect(first.digest == second.digest)
        try first.add(.vmsa, contents: pages[0], at: LaunchPages.vmsaAddress)
        try second.add(.vmsa, contents: pages[0], at: LaunchPages.vmsaAddress)
        #expect(first.digest == second.digest)
        #expect(first.digest != launch.digest)
    }

    @Test func `parts of pages and addresses beyond the end are refused`() {
        var launch = LaunchPages()
        #expect(throws: WireError.self) { try launch.add(.normal, contents: [1], at: 0) }
        #expect(throws: WireError.self) {
            try launch.add(.normal, contents: [UInt8](repeating: 0, count: 8192), at: .max - 4095)
        }
    }
}

@Suite("Processor models")
struct ProcessorModelTests {
    @Test(arguments: [
        ("EPYC", 0x80_0F12), ("EPYC-v1", 0x80_0F12), ("EPYC-v4", 0x80_0F12), ("EPYC-IBPB", 0x80_0F12),
        ("EPYC-Rome", 0x83_0F10), ("EPYC-Rome-v3", 0x83_0F10), ("EPYC-Milan", 0xA0_0F11), ("epyc-milan-v2", 0xA0_0F11),
        ("EPYC-Genoa", 0xA1_0F10), ("EPYC-Genoa-v1", 0xA1_0F10), ("EPYC-Turin", 0xB0_0F00),
    ])
    func `QEMU's names have their signatures`(name: String, signature: Int) {
        #expect(ProcessorModel(name: name)?.rawValue == UInt32(signature))
    }

    @Test(arguments: ["", "EPYC-", "EPYC-v", "v4", "-v4", "EPYC-Naples", "EPYC-Milan-v", "EPYC-Milan-v2-v2", "Xeon"])
    func `other names have none`(name: String) {
        #expect(ProcessorModel(name: name) == nil)
    }

    @Test func `a signature is made of family, model and stepping`() throws {
        #expect(try ProcessorModel.signature(family: 23, model: 1, stepping: 2) == 0x80_0F12)
        #expect(try ProcessorModel.signature(family: 23, model: 49, stepping: 0) == 0x83_0F10)
        #expect(try ProcessorModel.signature(family: 25, model: 1, stepping: 1) == 0xA0_0F11)
        #expect(try ProcessorModel.signature(family: 25, model: 17, stepping: 0) == 0xA1_0F10)
        #expect(try ProcessorModel.signature(family: 26, model: 0, stepping: 0) == 0xB0_0F00)
        #expect(try ProcessorModel.signature(family: 6, model: 0x2F, stepping: 3) == 0x2_06F3)
        #expect(throws: WireError.self) { try ProcessorModel.signature(family: 271, model: 0, stepping: 0) }
        #expect(throws: WireError.self) { try ProcessorModel.signature(family: 25, model: 0, stepping: 16) }
    }
}
