import Evidence
import EvidenceSamples
import TestSupport
import Testing
import WireFormat

@Suite("Firmware tables")
struct FirmwareTableTests {
    /// What every parser of firmware makes of an image; only that it comes back counts.
    /// How many of the readers of an image take it.
    private func readers(of image: [UInt8]) -> Int {
        let snp = try? SNPLaunch(
            firmware: MeasuredFirmware(image: image), kernel: nil, processors: 1, signature: 0
        ).measurement()
        let tdx = try? TDXLaunch(firmware: image).measurement()
        let blocks = try? HandoffBlocks(metadata: TDVFMetadata(firmware: image), memory: 4 << 30).bytes
        return (snp == nil ? 0 : 1) + (tdx == nil ? 0 : 1) + (blocks == nil ? 0 : 1)
    }

    @Test func `what an image says is read`() throws {
        let image = try FirmwareImage().bytes()
        let tables = try OVMFTables(firmware: image)
        #expect(tables.resetVector == 0x80_B004)
        #expect(tables.hashTableAddress == 0x80_1C00)
        #expect(tables.sections.map(\.kind) == [.securityMemory, .kernelHashes])
        #expect(tables.sections.map(\.address) == [0x80_0000, 0x80_1000])
        let metadata = try TDVFMetadata(firmware: image)
        #expect(metadata.sections.map(\.kind) == [.bootVolume, .temporaryMemory, .handoffBlocks])
        #expect(metadata.sections.map(\.isMeasured) == [true, false, false])
    }

    @Test func `an image cut short is refused wherever it is cut`() throws {
        let image = try FirmwareImage().bytes()
        for length in image.indices {
            let begin = Array(image.prefix(length))
            #expect(throws: WireError.self) { try OVMFTables(firmware: begin) }
            #expect(throws: WireError.self) { try TDVFMetadata(firmware: begin) }
            #expect(readers(of: Array(image.suffix(length))) <= 3)
        }
        // From the front all may go that comes before the descriptions; not one byte of them.
        let descriptions = image.count / 2
        #expect(throws: Never.self) { try OVMFTables(firmware: Array(image.dropFirst(descriptions))) }
        #expect(throws: WireError.self) { try OVMFTables(firmware: Array(image.dropFirst(descriptions + 1))) }
    }

    @Test func `lengths and counts that lie are refused`() throws {
        for lie: UInt32 in [0, 1, 15, 16, 39, 41, 65, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF] {
            let sev = [FirmwareImage(sevLength: lie), FirmwareImage(sevCount: lie)]
            for image in sev { #expect(throws: WireError.self) { try OVMFTables(firmware: image.bytes()) } }
            let tdx = [FirmwareImage(tdxLength: lie), FirmwareImage(tdxCount: lie)]
            for image in tdx { #expect(throws: WireError.self) { try TDVFMetadata(firmware: image.bytes()) } }
            #expect(throws: WireError.self) { try OVMFTables(firmware: FirmwareImage(sevDistance: lie).bytes()) }
            #expect(throws: WireError.self) { try TDVFMetadata(firmware: FirmwareImage(tdxDistance: lie).bytes()) }
        }
        for lie: UInt16 in [0, 17, 4065, 0xFFFF] {
            #expect(throws: WireError.self) { try OVMFTables(firmware: FirmwareImage(tableLength: lie).bytes()) }
        }
    }

    @Test func `sections out of all bounds are refused before anything is done`() throws {
        let sev: [(UInt32, UInt32, UInt32)] = [
            (0x80_0000, 0xFF7F_1000, 1), (0xFFFF_F000, 0x2000, 1), (0x80_0001, 0x1000, 1), (0x80_0000, 0x1001, 1),
            (0x80_0000, 0, 1), (0x80_0000, 0x1000, 0), (0x80_0000, 0x1000, 0xFFFF_FFFF),
        ]
        for section in sev {
            #expect(throws: WireError.self) { try OVMFTables(firmware: FirmwareImage(sev: [section]).bytes()) }
        }
        let tdx: [(UInt32, UInt32, UInt64, UInt64, UInt32, UInt32)] = [
            (0, 0, .max - 0xFFF, 0x1000, 3, 0), (0, 0, 0x1000, .max - 0xFFF, 3, 0), (0, 0, 1, 0x1000, 3, 0),
            (0, 0, 0, 0x1001, 3, 0), (0, 0, 0, 0x1000, 9, 0), (0, 0, 0, 0x1000, 3, 4), (0, 0x1001, 0, 0x1000, 0, 1),
            (4096, 1, 0, 0x1000, 0, 1), (0xFFFF_FFFF, 0xFFFF_FFFF, 0, 1 << 32, 0, 1), (0, 0, 0, 1 << 32, 3, 0),
            (0, 0, 1 << 32, 1 << 32, 3, 1),
        ]
        for section in tdx {
            #expect(throws: WireError.self) {
                try TDXLaunch(firmware: FirmwareImage(tdx: [section]).bytes()).measurement()
            }
        }
        // Many sections that are each allowed are not allowed together.
        let many = [(UInt32, UInt32, UInt64, UInt64, UInt32, UInt32)](
            repeating: (0, 0, 0, 256 << 20, 3, 0), count: 3)
        #expect(throws: WireError.self) { try TDXLaunch(firmware: FirmwareImage(tdx: many).bytes()).measurement() }
        // What is added after the launch may be as large as it likes.
        #expect(throws: Never.self) {
            try TDXLaunch(firmware: FirmwareImage(tdx: [(0, 0, 1 << 32, 1 << 40, 4, 2)]).bytes()).measurement()
        }
    }

    @Test func `no changed byte makes a parser trap`() throws {
        let image = try FirmwareImage().bytes()
        var refused = 0
        for index in image.indices where image[index] != 0xF4 {
            for pattern: UInt8 in [0x01, 0x10, 0x80, 0xFF] {
                var changed = image
                changed[index] ^= pattern
                if readers(of: changed) < 3 { refused += 1 }
            }
        }
        // Addresses may become others; lengths, counts and signatures may not.
        #expect(readers(of: image) == 3 && refused > 100)
    }

    @Test func `overlapping memory has no list`() throws {
        let image = try FirmwareImage(tdx: [(0, 0, 0x1000, 0x2000, 3, 0), (0, 0, 0x2000, 0x1000, 2, 0)]).bytes()
        let metadata = try TDVFMetadata(firmware: image)
        #expect(throws: WireError.self) { try HandoffBlocks(metadata: metadata, memory: 1 << 30) }
        #expect(throws: WireError.self) {
            try HandoffBlocks(metadata: metadata, banks: [.init(address: 0, size: 1 << 30)], acceptsAllEarly: true)
        }
    }

    @Test(.enabled(if: Vectors.available)) func `a real image cut short is refused`() throws {
        let image = try Vectors.bytes("evidence/launch/fw/OVMF.inteltdx.fd")
        #expect(try TDVFMetadata(firmware: image).sections.count == 6)
        for cut in 1...4096 {
            #expect(throws: WireError.self) { try TDVFMetadata(firmware: Array(image.dropLast(cut))) }
        }
        // Its SEV metadata ask for 4 GiB.
        #expect(throws: WireError.self) { try OVMFTables(firmware: image) }
        #expect(throws: Never.self) { try OVMFTables(firmware: image, withSections: false) }
    }
}
