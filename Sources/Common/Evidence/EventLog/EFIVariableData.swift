import WireFormat

/// A UEFI variable in a boot log (TCG PFP, UEFI_VARIABLE_DATA).
public struct EFIVariableData: Equatable, Sendable {
    /// The vendor's GUID in the byte order of the log.
    public var vendor: [UInt8]
    /// The name in UTF-16.
    public var name: [UInt16]
    /// The contents.
    public var contents: [UInt8]
    /// What follows the structure; some firmware counts a character too few.
    public var trailing: [UInt8]

    /// The name as text.
    public var nameText: String { String(decoding: name, as: UTF16.self) }

    /// Parses the structure.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        var reader = ByteReader(bytes)
        vendor = try reader.bytes(16, "vendor GUID")
        let nameLength = try reader.u64LE("name length")
        let contentLength = try reader.u64LE("contents length")
        // Both lengths are compared before they are multiplied or converted.
        guard nameLength <= UInt64(reader.remaining / 2) else {
            throw WireError(field: "name length", reason: "at byte 16 is beyond the end")
        }
        name = []
        for _ in 0..<Int(nameLength) { name.append(try reader.u16LE("name")) }
        guard contentLength <= UInt64(reader.remaining) else {
            throw WireError(field: "contents length", reason: "at byte 24 is beyond the end")
        }
        contents = try reader.bytes(Int(contentLength), "contents")
        trailing = reader.rest()
    }

    /// The structure as bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(vendor)
        writer.u64LE(UInt64(name.count))
        writer.u64LE(UInt64(contents.count))
        for unit in name { writer.u16LE(unit) }
        writer.append(contents)
        writer.append(trailing)
        return writer.bytes
    }
}
