import Crypto
import WireFormat

/// All that decides the launch digest of a guest under SEV or SEV-ES: one SHA-256 over everything that is loaded.
public struct SEVLaunch: Equatable, Sendable {
    /// What the save areas of the processors add; nothing under SEV, which does not protect them.
    public enum SaveAreas: Equatable, Sendable {
        /// SEV: none is measured.
        case none
        /// SEV-ES with save areas as a known writer fills them.
        case described(processors: Int, signature: UInt32, writer: SaveArea.Writer)
        /// SEV-ES with save areas as they were found: that of the boot processor, and the one of all others.
        case found(boot: [UInt8], others: [UInt8], processors: Int)
    }

    /// The firmware image.
    public var firmware: [UInt8]
    /// What is booted directly; nil when the firmware loads the kernel from a disk.
    public var kernel: KernelHashTable?
    /// The save areas.
    public var saveAreas: SaveAreas

    /// Describes a launch.
    public init(firmware: [UInt8], kernel: KernelHashTable?, saveAreas: SaveAreas = .none) {
        self.firmware = firmware
        self.kernel = kernel
        self.saveAreas = saveAreas
    }

    /// The launch digest, 32 bytes.
    public func digest() throws(WireError) -> [UInt8] {
        guard firmware.count <= MeasuredFirmware.limit else {
            throw WireError(field: "firmware", reason: "\(firmware.count) bytes are out of range")
        }
        var hash = SHA256()
        hash.update(data: firmware)
        if let kernel {
            guard try OVMFTables(firmware: firmware, withSections: false).hashTableAddress != nil else {
                throw WireError(
                    field: "firmware", reason: "has no place for kernel hashes, so a kernel cannot be measured")
            }
            hash.update(data: kernel.bytes)
        }
        if let areas = try pages() {
            hash.update(data: areas.boot)
            for _ in 1..<areas.count { hash.update(data: areas.others) }
        }
        return Array(hash.finalize())
    }

    /// The save areas of the boot processor and of each other one, and how many there are together.
    private func pages() throws(WireError) -> (boot: [UInt8], others: [UInt8], count: Int)? {
        switch saveAreas {
        case .none: return nil
        case .described(let count, let signature, let writer):
            var start = SaveArea.bootVector
            if try SNPLaunch.checked(count) > 1 {
                guard let vector = try OVMFTables(firmware: firmware, withSections: false).resetVector else {
                    throw WireError(field: "firmware", reason: "does not say where further processors start")
                }
                start = vector
            }
            // SEV_FEATURES came with SNP; before that the field is zero.
            func page(_ start: UInt32) -> [UInt8] {
                SaveArea(startAddress: start, features: 0, signature: signature, writer: writer).bytes
            }
            return (page(SaveArea.bootVector), page(start), count)
        case .found(let boot, let others, let count):
            guard boot.count == LaunchPages.pageSize, others.count == LaunchPages.pageSize else {
                throw WireError(field: "save area", reason: "must be one page")
            }
            return (boot, others, try SNPLaunch.checked(count))
        }
    }
}
