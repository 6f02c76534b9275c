import WireFormat

/// A firmware image as a launch measures it: its digest and what its tables ask for.
public struct MeasuredFirmware: Equatable, Sendable {
    /// The digest after all pages of the image.
    public let digest: LaunchMeasurement
    /// What the image says about its launch.
    public let tables: OVMFTables

    /// Measures an OVMF image that ends at 4 GiB and reads its tables.
    public init(image: [UInt8]) throws(WireError) {
        digest = try Self.digest(of: image)
        tables = try OVMFTables(firmware: image)
    }

    /// States an image that is known by its digest only.
    public init(digest: LaunchMeasurement, tables: OVMFTables) {
        self.digest = digest
        self.tables = tables
    }

    /// The most bytes of an image.
    static let limit = 64 << 20

    /// The digest of an image's pages ending at 4 GiB, whatever the image is.
    public static func digest(of image: [UInt8]) throws(WireError) -> LaunchMeasurement {
        guard !image.isEmpty, image.count <= limit else {
            throw WireError(field: "firmware", reason: "\(image.count) bytes are out of range")
        }
        var pages = LaunchPages()
        try pages.add(.normal, contents: image, at: 1 << 32 - UInt64(image.count))
        return pages.digest
    }
}

/// All that decides the launch measurement of an SEV-SNP guest with OVMF.
public struct SNPLaunch: Equatable, Sendable {
    /// The firmware.
    public var firmware: MeasuredFirmware
    /// What is booted directly; nil when the firmware loads the kernel from a disk.
    public var kernel: KernelHashTable?
    /// The number of virtual processors.
    public var processors: Int
    /// Their CPUID signature.
    public var signature: UInt32
    /// SEV_FEATURES.
    public var features: UInt64
    /// Who starts the guest.
    public var writer: SaveArea.Writer

    /// Describes a launch; the defaults are those of QEMU on a current kernel.
    public init(
        firmware: MeasuredFirmware, kernel: KernelHashTable?, processors: Int,
        signature: UInt32 = ProcessorModel.epycV4.rawValue, features: UInt64 = 1, writer: SaveArea.Writer = .qemu
    ) {
        self.firmware = firmware
        self.kernel = kernel
        self.processors = processors
        self.signature = signature
        self.features = features
        self.writer = writer
    }

    /// The most processors a guest may have.
    public static let processorLimit = 4096

    /// The launch measurement.
    public func measurement() throws(WireError) -> LaunchMeasurement {
        var pages = LaunchPages(after: firmware.digest)
        try addSections(to: &pages)
        guard processors <= 1 || firmware.tables.resetVector != nil else {
            throw WireError(field: "firmware", reason: "does not say where further processors start")
        }
        try Self.addProcessors(processors, to: &pages) { index in
            SaveArea(
                startAddress: index == 0 ? SaveArea.bootVector : firmware.tables.resetVector ?? SaveArea.bootVector,
                features: features, signature: signature, writer: writer)
        }
        return pages.digest
    }

    private func addSections(to pages: inout LaunchPages) throws(WireError) {
        var sections = firmware.tables.sections
        // EC2 inserts the page of processor features after all others.
        if writer.isEC2 { sections = sections.filter { $0.kind != .cpuid } + sections.filter { $0.kind == .cpuid } }
        guard kernel == nil || sections.contains(where: { $0.kind == .kernelHashes }) else {
            throw WireError(
                field: "firmware", reason: "has no section for kernel hashes, so a kernel cannot be measured")
        }
        for section in sections {
            switch section.kind {
            case .securityMemory:
                for address in section.pages { pages.add(writer == .gce ? .unmeasured : .zero, at: address) }
            case .callingArea:
                for address in section.pages { pages.add(.zero, at: address) }
            case .secrets:
                for address in section.pages { pages.add(.secrets, at: address) }
            case .cpuid:
                for address in section.pages { pages.add(.cpuid, at: address) }
            case .kernelHashes:
                try addKernelHashes(section, to: &pages)
            }
        }
    }

    private func addKernelHashes(_ section: OVMFTables.Section, to pages: inout LaunchPages) throws(WireError) {
        guard let kernel else {
            for address in section.pages { pages.add(.zero, at: address) }
            return
        }
        guard let table = firmware.tables.hashTableAddress else {
            throw WireError(field: "firmware", reason: "does not say where the kernel-hash table goes")
        }
        guard section.size == 4096 else {
            throw WireError(field: "metadata section", reason: "of kernel hashes must be one page")
        }
        try pages.add(.normal, contents: kernel.page(offset: Int(table & 0xFFF)), at: UInt64(section.address))
    }

    /// The number of processors, when a guest may have so many.
    static func checked(_ processors: Int) throws(WireError) -> Int {
        guard (1...processorLimit).contains(processors) else {
            throw WireError(field: "processors", reason: "\(processors) is not between 1 and \(processorLimit)")
        }
        return processors
    }

    static func addProcessors(
        _ count: Int, to pages: inout LaunchPages, _ state: (Int) -> SaveArea
    ) throws(WireError) {
        for index in 0..<(try checked(count)) {
            try pages.add(.vmsa, contents: state(index).bytes, at: LaunchPages.vmsaAddress)
        }
    }
}
