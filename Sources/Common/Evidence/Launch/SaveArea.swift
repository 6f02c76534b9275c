import WireFormat

/// The initial state of a virtual processor as the launch measures it: one page (AMD 24593, table B-4).
public struct SaveArea: Equatable, Sendable {
    /// Who writes the page; they differ in registers that the guest overwrites at once.
    public enum Writer: String, Sendable, CaseIterable {
        /// QEMU on current kernels.
        case qemu
        /// QEMU on older kernels, which leave the control words of the floating-point unit zero.
        case qemuWithoutFloatingPoint = "qemu-no-fp"
        /// Google Compute Engine.
        case gce
        /// Amazon EC2.
        case ec2
        /// Amazon EC2 with RDX zero, as an older calculator has it.
        case ec2WithoutSignature = "ec2-rdx0"

        /// The writer with this name in any case; `ec2-rdx600` is a longer name of `ec2`. Nil for unknown ones.
        public init?(name: String) {
            let name = name.lowercased()
            guard let writer = Self(rawValue: name == "ec2-rdx600" ? "ec2" : name) else { return nil }
            self = writer
        }

        /// Whether it is one of Amazon's.
        var isEC2: Bool { self == .ec2 || self == .ec2WithoutSignature }
    }

    /// The first instruction of the boot processor.
    public static let bootVector: UInt32 = 0xFFFF_FFF0

    /// Where the processor starts.
    public var startAddress: UInt32
    /// SEV_FEATURES; 1 is SNP alone, 0x21 SNP with DebugSwap.
    public var features: UInt64
    /// The CPUID signature; see ``ProcessorModel``.
    public var signature: UInt32
    /// Who writes the page.
    public var writer: Writer

    /// Describes the state of one processor.
    public init(startAddress: UInt32, features: UInt64, signature: UInt32, writer: Writer = .qemu) {
        self.startAddress = startAddress
        self.features = features
        self.signature = signature
        self.writer = writer
    }

    /// The page.
    public var bytes: [UInt8] {
        let isEC2 = writer.isEC2
        var page = Page()
        for offset in [0x00, 0x30, 0x40, 0x50] { page.segment(offset, attributes: 0x93, limit: 0xFFFF) }
        page.segment(
            0x10, selector: 0xF000, attributes: isEC2 && startAddress == Self.bootVector ? 0x9A : 0x9B, limit: 0xFFFF,
            base: UInt64(startAddress & 0xFFFF_0000))
        page.segment(0x20, attributes: isEC2 ? 0x92 : 0x93, limit: 0xFFFF)
        page.segment(0x60, attributes: 0, limit: 0xFFFF)
        page.segment(0x70, attributes: 0x82, limit: 0xFFFF)
        page.segment(0x80, attributes: 0, limit: 0xFFFF)
        page.segment(0x90, attributes: isEC2 ? 0x83 : 0x8B, limit: 0xFFFF)
        page.set(0xD0, 8, 0x1000)  // EFER: secure virtual machine
        page.set(0x148, 8, 0x40)  // CR4: machine checks
        page.set(0x158, 8, 0x10)  // CR0
        page.set(0x160, 8, 0x400)  // DR7
        page.set(0x168, 8, 0xFFFF_0FF0)  // DR6
        page.set(0x170, 8, 0x2)  // RFLAGS
        page.set(0x178, 8, UInt64(startAddress & 0xFFFF))
        page.set(0x268, 8, writer == .gce ? 0x0007_0106 : 0x0007_0406_0007_0406)  // PAT
        page.set(0x310, 8, dataRegister)
        page.set(0x3B0, 8, features)
        page.set(0x3E8, 8, 1)  // XCR0
        if writer == .qemu {
            page.set(0x408, 4, 0x1F80)  // MXCSR
            page.set(0x410, 2, 0x37F)  // control word of the x87
        }
        return page.bytes
    }

    private var dataRegister: UInt64 {
        switch writer {
        case .qemu, .qemuWithoutFloatingPoint: UInt64(signature)
        case .gce, .ec2: 0x600
        case .ec2WithoutSignature: 0
        }
    }

    /// A page that is filled field by field.
    private struct Page {
        var bytes = [UInt8](repeating: 0, count: 4096)

        mutating func set(_ offset: Int, _ width: Int, _ value: UInt64) {
            for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
        }

        mutating func segment(
            _ offset: Int, selector: UInt64 = 0, attributes: UInt64, limit: UInt64, base: UInt64 = 0
        ) {
            set(offset, 2, selector)
            set(offset + 2, 2, attributes)
            set(offset + 4, 4, limit)
            set(offset + 8, 8, base)
        }
    }
}
