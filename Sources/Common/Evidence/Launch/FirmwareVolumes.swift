import WireFormat

/// The two volumes that OVMF unpacks into memory and measures: that of its early phase (PEI) and that of its drivers (DXE).
public struct FirmwareVolumes: Equatable, Sendable {
    /// Bytes that the firmware has written into the early volume when it measures it: its modules run where they lie, and
    /// some keep what they found out about the machine.
    public struct Write: Equatable, Sendable {
        /// Where in the volume.
        public var offset: Int
        /// What the firmware wrote there.
        public var bytes: [UInt8]

        /// Describes a write.
        public init(offset: Int, bytes: [UInt8]) {
            self.offset = offset
            self.bytes = bytes
        }
    }

    /// The volume of the early phase, as the image holds it.
    public let early: FirmwareVolume
    /// The volume of the drivers, which is measured as the image holds it.
    public let drivers: FirmwareVolume

    private static let earlyName = GUID.efi(0x6938_079b, 0xb503, 0x4e3d, 0x9d24_b283_37a2_5806)
    private static let driversName = GUID.efi(0x7cb8_bdc9, 0xf8eb, 0x4f34, 0xaaea_3ee4_af65_16a1)
    private static let step = 4096

    /// Finds the volumes in an image, with its variables or without.
    public init(firmware: [UInt8]) throws(WireError) {
        var found: [FirmwareVolume] = []
        var place = 0
        while place < firmware.count {
            guard let length = FirmwareVolume.length(at: place, in: firmware) else {
                place += Self.step
                continue
            }
            if let volume = try FirmwareVolume(Array(firmware[place..<place + length])) {
                for file in volume.files where file.type == FirmwareVolume.imageType {
                    for section in try FirmwareSection.list(volume.bytes[file.body]) {
                        for inner in try section.unpacked() ?? [section] where inner.type == FirmwareSection.volume {
                            if let volume = try FirmwareVolume(inner.body) { found.append(volume) }
                        }
                    }
                }
            }
            place += length
        }
        guard let early = found.first(where: { $0.name == Self.earlyName }),
            let drivers = found.first(where: { $0.name == Self.driversName })
        else { throw WireError(field: "firmware", reason: "does not hold OVMF's two volumes") }
        (self.early, self.drivers) = (early, drivers)
    }

    /// The early volume as it is measured.
    public func early(after writes: [Write]) throws(WireError) -> [UInt8] {
        var bytes = early.bytes
        for write in writes {
            guard write.offset >= 0, write.offset <= bytes.count, write.bytes.count <= bytes.count - write.offset else {
                throw WireError(field: "volume write", reason: "at \(write.offset) is not in the volume")
            }
            bytes.replaceSubrange(write.offset..<write.offset + write.bytes.count, with: write.bytes)
        }
        return bytes
    }

    /// What the variable `SecureBoot` holds as long as no platform key is enrolled; nothing in builds without secure boot.
    public var secureBoot: [UInt8] { drivers.contains(Self.secureBootSetup) ? [0] : [] }

    /// The boot option `Boot0000` that OVMF makes of its own menu; nil when this build has another menu.
    public var menuOption: [UInt8]? {
        guard drivers.contains(Self.menu), let name = drivers.name else { return nil }
        var writer = ByteWriter()
        writer.u32LE(0x109)  // active, hidden, an application
        writer.u16LE(20 + 20 + 4)
        for unit in "UiApp\0".utf16 { writer.u16LE(unit) }
        for (type, guid) in [(UInt8(7), name), (6, Self.menu)] {  // the volume, the file
            writer.append([4, type, 20, 0])
            writer.append(guid)
        }
        writer.append([0x7F, 0xFF, 4, 0])
        return writer.bytes
    }

    /// Whether the firmware also measures the ACPI tables that the hypervisor hands over, as builds since 2023 do.
    public var measuresTables: Bool {
        let (mark, bytes) = (Array("ACPI DATA".utf8), drivers.bytes)
        var place = bytes.startIndex
        while let next = bytes[place...].firstIndex(of: mark[0]) {
            if bytes[next...].starts(with: mark) { return true }
            place = next + 1
        }
        return false
    }

    private static let menu = GUID.efi(0x462c_aa21, 0x7614, 0x4503, 0x836e_8ab6_f466_2331)
    private static let secureBootSetup = GUID.efi(0xf0e6_a44f, 0x7195, 0x41c3, 0xac64_54f2_02cd_0a21)
}
