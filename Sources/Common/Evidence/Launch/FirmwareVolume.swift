import WireFormat

/// A firmware volume with a file system of version 2 or 3 (UEFI PI, volume 3): as the image holds it.
public struct FirmwareVolume: Equatable, Sendable {
    /// A file of the volume.
    struct File: Equatable {
        /// Its GUID in the byte order of EFI.
        let guid: [UInt8]
        /// What it is; see ``imageType``.
        let type: UInt8
        /// Where its sections are in the volume.
        let body: Range<Int>
    }

    /// The whole volume.
    public let bytes: [UInt8]
    /// Its name, a GUID in the byte order of EFI; nil when it has none.
    public let name: [UInt8]?
    /// Its files in their order.
    let files: [File]

    /// The type of files that hold volumes.
    static let imageType: UInt8 = 0x0B
    /// The type of files that fill up.
    private static let paddingType: UInt8 = 0xF0
    private static let fileLimit = 4096
    private static let fileSystems = [
        GUID.efi(0x8c8c_e578, 0x8a3d, 0x4f1c, 0x9935_8961_85c3_2dd3),
        GUID.efi(0x5473_c07a, 0x3dcb, 0x4dca, 0xbd6f_1e96_89e7_349a),
    ]

    /// The length of the volume that begins at a place; nil when none does, also none that is not of files.
    static func length(at place: Int, in image: [UInt8]) -> Int? {
        guard place >= 0, place <= image.count - 56, image[place + 40..<place + 44].elementsEqual("_FVH".utf8) else {
            return nil
        }
        let length = image.number(place + 32, 8)
        return length >= 56 && length <= image.count - place ? length : nil
    }

    /// Reads a volume; nil when it has another file system, as the one for variables has.
    init?(_ bytes: [UInt8]) throws(WireError) {
        guard Self.length(at: 0, in: bytes) == bytes.count else {
            throw WireError(field: "firmware volume", reason: "has a wrong length")
        }
        guard Self.fileSystems.contains(Array(bytes[16..<32])) else { return nil }
        self.bytes = bytes
        var place = bytes.number(48, 2)
        let extended = bytes.number(52, 2)
        if extended > 0 {
            guard extended <= bytes.count - 20 else {
                throw WireError(field: "firmware volume", reason: "its name at \(extended) is not in it")
            }
            name = Array(bytes[extended..<extended + 16])
            place = extended + bytes.number(extended + 16, 4)
        } else {
            name = nil
        }
        var files: [File] = []
        while true {
            place = (place + 7) & ~7
            guard place <= bytes.count - 24, !bytes[place..<place + 24].allSatisfy({ $0 == 0xFF }) else { break }
            let isLarge = bytes[place + 19] & 1 != 0
            guard !isLarge || place <= bytes.count - 32 else {
                throw WireError(field: "firmware file", reason: "at \(place) is not in its volume")
            }
            let (header, size) = isLarge ? (32, bytes.number(place + 24, 8)) : (24, bytes.number(place + 20, 3))
            guard size >= header, size <= bytes.count - place, files.count < Self.fileLimit else {
                throw WireError(field: "firmware file", reason: "at \(place) has a wrong size")
            }
            let type = bytes[place + 18]
            if type != Self.paddingType {
                files.append(
                    File(guid: Array(bytes[place..<place + 16]), type: type, body: place + header..<place + size))
            }
            place += size
        }
        self.files = files
    }

    /// Whether there is a file with a GUID in the byte order of EFI.
    public func contains(_ guid: [UInt8]) -> Bool { files.contains { $0.guid == guid } }
}

/// A section of a firmware file: a kind, and what it holds.
struct FirmwareSection {
    let type: UInt8
    let body: [UInt8]

    /// A section that holds others in a form that its GUID names.
    static let guided: UInt8 = 0x02
    /// A section that holds a volume.
    static let volume: UInt8 = 0x17
    private static let limit = 256

    /// Reads all sections of a file.
    static func list(_ bytes: ArraySlice<UInt8>) throws(WireError) -> [FirmwareSection] {
        let bytes = Array(bytes)
        var sections: [FirmwareSection] = []
        var place = 0
        while place <= bytes.count - 4 {
            let short = bytes.number(place, 3)
            let isLarge = short == 0xFF_FFFF
            guard !isLarge || place <= bytes.count - 8 else {
                throw WireError(field: "firmware section", reason: "at \(place) is not in its file")
            }
            let (header, size) = isLarge ? (8, bytes.number(place + 4, 4)) : (4, short)
            guard size >= header, size <= bytes.count - place, sections.count < limit else {
                throw WireError(field: "firmware section", reason: "at \(place) has a wrong size")
            }
            sections.append(
                FirmwareSection(type: bytes[place + 3], body: Array(bytes[place + header..<place + size])))
            place = (place + size + 3) & ~3
        }
        return sections
    }

    /// The sections within, when this one holds others packed with LZMA.
    func unpacked() throws(WireError) -> [FirmwareSection]? {
        let header = body.count >= 20 ? body.number(16, 2) : 0
        guard type == Self.guided, body.starts(with: Self.lzma), header >= 24, header - 4 <= body.count else {
            return nil
        }
        return try Self.list(LZMADecoder.decode(Array(body[(header - 4)...]))[...])
    }

    private static let lzma = GUID.efi(0xee4e_5898, 0x3914, 0x4259, 0x9d6e_dc7b_d794_03cf)
}

extension [UInt8] {
    /// A little-endian number at a place that the caller has checked; at most `Int.max`.
    fileprivate func number(_ place: Int, _ width: Int) -> Int {
        let value = (0..<width).reduce(UInt64(0)) { $0 | UInt64(self[place + $1]) << UInt64(8 * $1) }
        return Int(clamping: value)
    }
}
