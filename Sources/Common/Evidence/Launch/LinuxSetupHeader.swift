import WireFormat

/// The header of a Linux kernel for x86 (Linux, Documentation/arch/x86/boot.rst), which QEMU fills in before it hands the
/// kernel to the firmware. The firmware then measures the kernel with what was filled in.
///
/// Newer versions of QEMU hand over the kernel as it is to firmware that starts it as a program; which way it was shows in
/// the event log only. The rule is that of QEMU, `x86_load_linux` in hw/i386/x86-common.c; boots under QEMU 7.2 confirm it.
public enum LinuxSetupHeader {
    /// What QEMU's machines keep free for ACPI tables below the end of low memory, in bytes.
    public static let reservedForTables: UInt32 = 0x2_8000

    private static let shortest = 0x1000
    private static let splitLimit: UInt64 = 0xB000_0000
    private static let lowMemory: UInt64 = 0x8000_0000
    private static let (realMode, commandLine): (UInt32, UInt32) = (0x1_0000, 0x2_0000)

    /// The kernel as QEMU hands it over; a command line with `vga=` would change it further, which is not done here.
    ///
    /// - Parameters:
    ///   - kernel: The kernel image.
    ///   - initrdSize: The bytes of the initrd; 0 when there is none.
    ///   - memory: The guest's memory in bytes.
    public static func filled(_ kernel: [UInt8], initrdSize: Int, memory: UInt64) throws(WireError) -> [UInt8] {
        guard kernel.count >= shortest, Array(kernel[0x202..<0x206]) == Array("HdrS".utf8) else {
            throw WireError(field: "kernel", reason: "has no setup header")
        }
        var kernel = kernel
        func number(_ offset: Int, _ width: Int) -> UInt32 {
            (0..<width).reduce(0) { $0 | UInt32(kernel[offset + $1]) << UInt32(8 * $1) }
        }
        func put(_ value: UInt32, at offset: Int) {
            for index in 0..<4 { kernel[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
        }
        let version = number(0x206, 2)
        guard version >= 0x203 else {
            throw WireError(field: "kernel", reason: "has a setup header of version \(version), which is too old")
        }
        guard kernel[0x211] & 1 != 0 else {
            throw WireError(field: "kernel", reason: "is one for low memory, as no kernel with a PE header is")
        }
        kernel[0x210] = 0xB0  // the boot loader is QEMU
        kernel[0x211] |= 0x80  // there is a heap, and it ends here:
        put(commandLine - realMode - 0x200, at: 0x224)
        put(commandLine, at: 0x228)
        guard initrdSize > 0 else { return kernel }
        let reachesFar = version >= 0x20C && number(0x236, 2) & 2 != 0
        var highest = reachesFar ? UInt32.max : number(0x22C, 4)
        let low = memory >= splitLimit ? lowMemory : memory
        guard let below = UInt32(exactly: low), below > reservedForTables else {
            throw WireError(field: "memory", reason: "\(memory) bytes are too few")
        }
        highest = min(highest, below - reservedForTables - 1)
        guard let size = UInt32(exactly: initrdSize), size < highest else {
            throw WireError(field: "initrd", reason: "\(initrdSize) bytes do not fit into memory")
        }
        put((highest - size) & ~0xFFF, at: 0x218)
        put(size, at: 0x21C)
        return kernel
    }
}
