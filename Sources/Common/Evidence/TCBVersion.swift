import WireFormat

/// The security versions of a processor's firmware parts (AMD 56860, TCB_VERSION), as the eight bytes of a report.
///
/// The bytes mean different parts on different product lines, so there is no order on the whole: compare ``components(_:)``.
public struct TCBVersion: Hashable, Sendable {
    /// The eight bytes in report order.
    public let bytes: [UInt8]

    /// Where the parts sit in the eight bytes.
    public enum Layout: Hashable, Sendable {
        /// Milan and Genoa.
        case genoa
        /// Turin, which has one part more.
        case turin
    }

    /// The parts by name.
    public struct Components: Hashable, Sendable {
        /// The firmware of the microcontroller; only in the Turin layout.
        public var fmc: UInt8?
        /// The boot loader.
        public var bootLoader: UInt8
        /// The operating system of the security processor.
        public var tee: UInt8
        /// The SNP firmware.
        public var snp: UInt8
        /// The microcode.
        public var microcode: UInt8

        /// Names the parts; `fmc` belongs to Turin only.
        public init(fmc: UInt8? = nil, bootLoader: UInt8, tee: UInt8, snp: UInt8, microcode: UInt8) {
            self.fmc = fmc
            self.bootLoader = bootLoader
            self.tee = tee
            self.snp = snp
            self.microcode = microcode
        }

        /// Whether every part is at least as new as in `minimum`.
        public func meets(_ minimum: Components) -> Bool {
            (fmc ?? 0) >= (minimum.fmc ?? 0) && bootLoader >= minimum.bootLoader && tee >= minimum.tee
                && snp >= minimum.snp && microcode >= minimum.microcode
        }
    }

    /// Takes exactly eight bytes.
    public init(bytes: [UInt8]) throws(WireError) {
        guard bytes.count == 8 else {
            throw WireError(field: "TCB version", reason: "must be 8 bytes, not \(bytes.count)")
        }
        self.bytes = bytes
    }

    /// Lays out parts; the layout is Turin's if there is an `fmc` part.
    public init(_ parts: Components) {
        if let fmc = parts.fmc {
            bytes = [fmc, parts.bootLoader, parts.tee, parts.snp, 0, 0, 0, parts.microcode]
        } else {
            bytes = [parts.bootLoader, parts.tee, 0, 0, 0, 0, parts.snp, parts.microcode]
        }
    }

    /// The parts, read in the given layout.
    public func components(_ layout: Layout) -> Components {
        switch layout {
        case .genoa: Components(bootLoader: bytes[0], tee: bytes[1], snp: bytes[6], microcode: bytes[7])
        case .turin:
            Components(fmc: bytes[0], bootLoader: bytes[1], tee: bytes[2], snp: bytes[3], microcode: bytes[7])
        }
    }

    /// Whether the bytes that name no part in the given layout are zero.
    public func reservedIsZero(_ layout: Layout) -> Bool {
        switch layout {
        case .genoa: bytes[2...5].allSatisfy { $0 == 0 }
        case .turin: bytes[4...6].allSatisfy { $0 == 0 }
        }
    }
}
