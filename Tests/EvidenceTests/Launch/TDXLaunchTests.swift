import Crypto
import Evidence
import TestSupport
import Testing
import WireFormat

@Suite("TDX launches")
struct TDXLaunchTests {
    private func block(_ name: String, _ address: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(name.utf8)
        writer.pad(to: 16)
        writer.u64LE(address)
        writer.pad(to: 128)
        return writer.bytes
    }

    /// What measuring a page adds, as the TDX module has it.
    private func growth(_ page: [UInt8], _ address: UInt64) -> [UInt8] {
        stride(from: 0, to: 4096, by: 256).flatMap {
            block("MR.EXTEND", address + UInt64($0)) + page[$0..<$0 + 256]
        }
    }

    private func section(
        _ address: UInt64, _ size: UInt64, raw: UInt32 = 0, type: UInt32 = 3, attributes: UInt32 = 0
    ) throws -> TDVFMetadata.Section {
        try .init(offset: 0, rawSize: raw, address: address, size: size, type: type, attributes: attributes)
    }

    @Test func `pages are added and measured in either order`() throws {
        let image = (0..<6000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        // The second page has bytes of the image, a part of 256 among them, and zeros.
        let memory = image + [UInt8](repeating: 0, count: 8192 - image.count)
        let metadata = TDVFMetadata(sections: [
            try section(0x10_0000, 0x2000, raw: 6000, type: 0, attributes: 1), try section(0x8000, 0x1000),
            try section(0x20_0000, 1 << 30, type: 4, attributes: 2),
        ])
        let pages: [(UInt64, [UInt8])] = [
            (0x10_0000, Array(memory[..<4096])), (0x10_1000, Array(memory[4096...])),
        ]
        let single = pages.flatMap { block("MEM.PAGE.ADD", $0.0) + growth($0.1, $0.0) }
        let double = pages.flatMap { block("MEM.PAGE.ADD", $0.0) } + pages.flatMap { growth($0.1, $0.0) }
        let last = block("MEM.PAGE.ADD", 0x8000)
        var launch = TDXLaunch(firmware: image, metadata: metadata)
        #expect(try launch.measurement().bytes == Array(SHA384.hash(data: single + last)))
        launch.measuresAllSections = true
        let zeros = [UInt8](repeating: 0, count: 4096)
        #expect(try launch.measurement().bytes == Array(SHA384.hash(data: single + last + growth(zeros, 0x8000))))
        launch.contents[.temporaryMemory] = [1, 2, 3]
        let written = [1, 2, 3] + zeros.dropFirst(3)
        #expect(try launch.measurement().bytes == Array(SHA384.hash(data: single + last + growth(written, 0x8000))))
        launch = TDXLaunch(firmware: image, metadata: metadata, pageOrder: .twoPass)
        #expect(try launch.measurement().bytes == Array(SHA384.hash(data: double + last)))
    }

    @Test func `a payload that is written by the hypervisor is measured`() throws {
        let metadata = TDVFMetadata(sections: [try section(0x10_0000, 0x1000, type: 5, attributes: 1)])
        var launch = TDXLaunch(firmware: [], metadata: metadata)
        let payload = [UInt8](repeating: 7, count: 4096)
        launch.contents[.payload] = payload
        let expected = block("MEM.PAGE.ADD", 0x10_0000) + growth(payload, 0x10_0000)
        #expect(try launch.measurement().bytes == Array(SHA384.hash(data: expected)))
        launch.contents[.payload] = payload + [0]
        #expect(throws: WireError.self) { try launch.measurement() }
    }

    @Test(.enabled(if: Vectors.available), arguments: [("dstack-lite", 2 << 30), ("dstack-gpu", 64 << 30)])
    func `QEMU's list of memory is built byte for byte`(name: String, memory: UInt64) throws {
        let added: [HandoffBlocks.Range] = [
            try .init(address: 0x81_0000, size: 0x1_0000), try .init(address: 0x80_B000, size: 0x2000),
            try .init(address: 0x80_9000, size: 0x2000), try .init(address: 0x80_0000, size: 0x6000),
        ]
        let list = try HandoffBlocks(address: 0x80_9000, memory: memory, added: added)
        #expect(try list.measuredBytes == Vectors.bytes("evidence/eventlog/\(name)/td_hob.bin"))
        #expect(list.bytes == list.measuredBytes + [0xFF, 0xFF, 8, 0, 0, 0, 0, 0])
        // The same from what the firmware says.
        let image = try Vectors.bytes("evidence/launch/fw/OVMF.inteltdx.fd")
        #expect(try HandoffBlocks(metadata: TDVFMetadata(firmware: image), memory: memory) == list)
    }

    @Test func `memory that is not there has no list`() throws {
        let range = try HandoffBlocks.Range(address: 0x10_0000, size: 0x1000)
        let far = try HandoffBlocks.Range(address: 5 << 30, size: 0x1000)
        #expect(throws: Never.self) { try HandoffBlocks(address: 0, memory: 4 << 30, added: [range, far]) }
        #expect(throws: WireError.self) { try HandoffBlocks(address: 0, memory: 1 << 30, added: [range, far]) }
        #expect(throws: WireError.self) { try HandoffBlocks(address: 0, memory: 0x10_0000, added: [range]) }
        #expect(throws: WireError.self) { try HandoffBlocks(address: 0, memory: 1 << 30, added: [range, range]) }
        #expect(throws: WireError.self) { try HandoffBlocks(address: .max, memory: 1 << 30, added: [range]) }
        #expect(throws: WireError.self) { try HandoffBlocks(address: 0, memory: .max, added: []) }
        #expect(throws: WireError.self) { try HandoffBlocks.Range(address: 1, size: .max) }
        let many = try (0..<65).map { try HandoffBlocks.Range(address: UInt64($0) << 12, size: 0x1000) }
        #expect(throws: WireError.self) { try HandoffBlocks(address: 0, memory: 1 << 30, added: many) }
    }

    @Test func `Google's list has the sections first and says what to accept early`() throws {
        let metadata = TDVFMetadata(sections: [
            try section(0xFFE0_0000, 0x20_0000, type: 0), try section(0x80_9000, 0x2000, type: 2),
        ])
        let banks: [HandoffBlocks.Range] = [
            try .init(address: 0, size: 3 << 30), try .init(address: 0xFFE0_0000, size: 0x20_0000),
            try .init(address: 1 << 32, size: 1 << 30),
        ]
        func resources(_ all: Bool) throws -> [[UInt64]] {
            let list = try HandoffBlocks(metadata: metadata, banks: banks, acceptsAllEarly: all)
            var reader = ByteReader(list.measuredBytes)
            _ = try reader.bytes(48, "head")
            #expect(try reader.u64LE("end") == 0x80_9000 + UInt64(list.measuredBytes.count))
            var resources: [[UInt64]] = []
            while reader.remaining > 0 {
                _ = try reader.bytes(24, "head")
                resources.append([
                    UInt64(try reader.u32LE("type")), UInt64(try reader.u32LE("attributes")),
                    try reader.u64LE("address"), try reader.u64LE("size"),
                ])
            }
            return resources
        }
        let first: [[UInt64]] = [
            [0, 7, 0xFFE0_0000, 0x20_0000], [0, 7, 0x80_9000, 0x2000], [7, 0x1000_0007, 0, 0x80_9000],
            [7, 0x1000_0007, 0x80_B000, (3 << 30) - 0x80_B000],
        ]
        #expect(try resources(false) == first + [[7, 7, 1 << 32, 1 << 30]])
        #expect(try resources(true) == first + [[7, 0x1000_0007, 1 << 32, 1 << 30]])
    }

    @Test func `a register is extended by whole digests only`() throws {
        var register = MeasurementRegister()
        let digest = [UInt8](repeating: 1, count: 48)
        try register.extend(digest)
        #expect(register.value == Array(SHA384.hash(data: [UInt8](repeating: 0, count: 48) + digest)))
        #expect(throws: WireError.self) { try register.extend([1]) }
        #expect(throws: WireError.self) { try DirectBoot.bootRegister(kernel: []) }
    }

    @Test func `a command line is measured as the firmware hands it on`() {
        let bytes: [UInt8] = [0x61, 0, 0xC3, 0, 0xA4, 0]
        #expect(FirmwareEvent.commandLine("aä", initrd: .none) == Array(SHA384.hash(data: bytes + [0, 0])))
        let suffix: [UInt8] = Array(" initrd=initrd".utf8).flatMap { [$0, 0] as [UInt8] }
        #expect(FirmwareEvent.commandLine("aä", initrd: .last) == Array(SHA384.hash(data: bytes + suffix + [0, 0])))
        let prefix: [UInt8] = Array("initrd=initrd ".utf8).flatMap { [$0, 0] as [UInt8] }
        #expect(FirmwareEvent.commandLine("aä", initrd: .first) == Array(SHA384.hash(data: prefix + bytes + [0, 0])))
    }

    /// A kernel that says what QEMU asks: version 2.15, loaded high, initrd anywhere or up to a limit.
    private func kernel(version: UInt8 = 0x0F, flags: UInt8 = 2, limit: UInt32 = 0x7FFF_FFFF) -> [UInt8] {
        var bytes = [UInt8](repeating: 0x90, count: 0x2000)
        bytes.replaceSubrange(0x202..<0x208, with: Array("HdrS".utf8) + [version, 2])
        bytes.replaceSubrange(0x210..<0x212, with: [0, 1])
        bytes.replaceSubrange(0x218..<0x220, with: [UInt8](repeating: 0, count: 8))
        bytes.replaceSubrange(0x22C..<0x230, with: (0..<4).map { UInt8(truncatingIfNeeded: limit >> (8 * $0)) })
        bytes.replaceSubrange(0x236..<0x238, with: [flags, 0])
        return bytes
    }

    private func number(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }

    @Test func `a kernel's header is filled in as QEMU does`() throws {
        let filled = try LinuxSetupHeader.filled(kernel(), initrdSize: 0x12345, memory: 2 << 30)
        #expect(Array(filled[0x210..<0x212]) == [0xB0, 0x81])
        #expect(number(filled, 0x224) == 0xFE00)
        #expect(number(filled, 0x228) == 0x2_0000)
        // Below 2 GiB, without the room for tables, and down to a page.
        #expect(number(filled, 0x218) == (0x8000_0000 - 0x2_8000 - 1 - 0x12345) & ~0xFFF)
        #expect(number(filled, 0x21C) == 0x12345)
        let changed = [0x210..<0x212, 0x218..<0x220, 0x224..<0x22C]
        for index in filled.indices where !changed.contains(where: { $0.contains(index) }) {
            #expect(filled[index] == kernel()[index])
        }
        func place(_ kernel: [UInt8], memory: UInt64) throws -> UInt32 {
            number(try LinuxSetupHeader.filled(kernel, initrdSize: 0x1000, memory: memory), 0x218)
        }
        // All of 2.75 GiB is low memory; of a byte more only 2 GiB are.
        #expect(try place(kernel(), memory: 0xAFFF_F000) == 0xAFFF_F000 - 0x2_8000 - 0x2000)
        #expect(try place(kernel(), memory: 0xB000_0000) == 0x8000_0000 - 0x2_8000 - 0x2000)
        #expect(try place(kernel(flags: 0, limit: 0x37FF_FFFF), memory: 2 << 30) == 0x37FF_E000)
        #expect(try place(kernel(version: 0x0B, limit: 0x37FF_FFFF), memory: 2 << 30) == 0x37FF_E000)
    }

    @Test func `a kernel that QEMU would not start is refused`() throws {
        for length in [0, 0x206, 0xFFF] {
            #expect(throws: WireError.self) {
                try LinuxSetupHeader.filled(Array(kernel().prefix(length)), initrdSize: 0, memory: 1 << 30)
            }
        }
        // No magic; for low memory.
        for offset in [0x202, 0x211] {
            var other = kernel()
            other[offset] = 0
            #expect(throws: WireError.self) { try LinuxSetupHeader.filled(other, initrdSize: 0, memory: 1 << 30) }
        }
        #expect(throws: WireError.self) {
            try LinuxSetupHeader.filled(kernel(version: 0x0B, limit: 0), initrdSize: 1, memory: 1 << 30)
        }
        #expect(throws: WireError.self) {
            try LinuxSetupHeader.filled(kernel(version: 2), initrdSize: 0, memory: 1 << 30)
        }
        for (size, memory) in [(1, 0), (1, 0x2_8000), (0x4000_0000, 1 << 30), (1 << 33, 8 << 30)] as [(Int, UInt64)] {
            #expect(throws: WireError.self) {
                try LinuxSetupHeader.filled(kernel(), initrdSize: size, memory: memory)
            }
        }
    }
}
