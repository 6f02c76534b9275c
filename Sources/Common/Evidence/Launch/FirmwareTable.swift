import WireFormat

/// The table of GUIDs at the end of an OVMF image: what the image says about itself to whoever starts it.
///
/// It ends 32 bytes before the image does and is read backwards: data, length of the whole entry, GUID.
struct FirmwareTable {
    /// The data of each entry by GUID.
    private let entries: [[UInt8]: [UInt8]]

    private static let footer = GUID.efi(0x96b5_82de, 0x1fb2, 0x45f7, 0xbaea_a366_c55a_082d)
    /// The bytes of an entry beside its data: length and GUID.
    private static let frame = 18
    /// Where the table ends, counted from the end of the image.
    private static let distance = 32

    /// Reads the table of an image, or of any suffix of one that holds it.
    init(firmware: [UInt8]) throws(WireError) {
        let end = firmware.count - Self.distance
        guard end >= Self.frame, firmware[end - 16..<end].elementsEqual(Self.footer) else {
            throw WireError(field: "firmware", reason: "has no GUID table; it is not an OVMF image")
        }
        let total = Int(firmware[end - 18]) | Int(firmware[end - 17]) << 8
        guard total >= Self.frame, total <= end else {
            throw WireError(field: "firmware table", reason: "\(total) bytes at \(end) are out of range")
        }
        var entries: [[UInt8]: [UInt8]] = [:]
        let start = end - total
        var position = end - Self.frame
        while position - start >= Self.frame {
            let guid = Array(firmware[position - 16..<position])
            let length = Int(firmware[position - 18]) | Int(firmware[position - 17]) << 8
            guard length >= Self.frame, length <= position - start else {
                throw WireError(field: "firmware table", reason: "the entry before \(position) has a wrong length")
            }
            let data = Array(firmware[position - length..<position - Self.frame])
            guard entries.updateValue(data, forKey: guid) == nil else {
                throw WireError(field: "firmware table", reason: "the entry before \(position) comes twice")
            }
            position -= length
        }
        self.entries = entries
    }

    /// The first number of an entry's data; nil when there is no such entry.
    func number(_ guid: [UInt8], _ field: String) throws(WireError) -> UInt32? {
        guard let data = entries[guid] else { return nil }
        var reader = ByteReader(data)
        return try reader.u32LE(field)
    }

    /// Reads the head that SEV and TDX descriptions share and gives its records, each of `record` bytes.
    ///
    /// - Parameters:
    ///   - signature: The four letters at the beginning.
    ///   - fromEnd: Where it begins, counted from the end of the image.
    ///   - record: The bytes of a record.
    static func records(
        _ firmware: [UInt8], signature: String, fromEnd distance: UInt32, record: Int
    ) throws(WireError) -> [ByteReader] {
        guard distance > 0, Int(distance) <= firmware.count else {
            throw WireError(field: signature, reason: "\(distance) bytes before the end is outside of the image")
        }
        let place = firmware.count - Int(distance)
        // The head and all records that are allowed, no more: the rest of the image is not copied.
        var reader = ByteReader(firmware[place..<min(place + 16 + recordLimit * record, firmware.count)])
        guard try reader.bytes(4, signature) == Array(signature.utf8) else {
            throw WireError(field: signature, reason: "is not what the image has at \(place)")
        }
        let length = Int(try reader.u32LE("\(signature) length"))
        guard try reader.u32LE("\(signature) version") == 1 else {
            throw WireError(field: "\(signature) version", reason: "at \(place + 8) is not 1")
        }
        let count = Int(try reader.u32LE("\(signature) count"))
        guard count <= recordLimit, length == 16 + count * record else {
            throw WireError(field: "\(signature) count", reason: "at \(place + 12) does not fit the length")
        }
        var records: [ByteReader] = []
        for index in 0..<count { records.append(ByteReader(try reader.bytes(record, "\(signature) section \(index)"))) }
        return records
    }

    /// The most sections that a description may have.
    static let recordLimit = 64
}
