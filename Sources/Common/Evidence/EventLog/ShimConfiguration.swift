import WireFormat

/// What td-shim was given, as it stands in a boot log: a name of 16 bytes, a length and the thing itself.
public struct ShimConfiguration: Equatable, Sendable {
    /// The name, e.g. `td_payload_info`.
    public var name: String
    /// The thing: a list of memory ranges, or a kernel's command line.
    public var content: [UInt8]

    private static let nameLength = 16

    /// Parses the structure; the length must be that of what follows.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        var reader = ByteReader(bytes)
        let field = try reader.bytes(Self.nameLength, "name")
        let text = field.prefix { $0 != 0 }
        guard !text.isEmpty, field[text.count...].allSatisfy({ $0 == 0 }),
            let name = String(validating: text, as: UTF8.self)
        else { throw WireError(field: "name", reason: "at byte 0 is not a text filled up with zeros") }
        self.name = name
        let length = Int(try reader.u32LE("length"))
        guard length == reader.remaining else {
            throw WireError(field: "length", reason: "at byte 16 is \(length), \(reader.remaining) bytes are left")
        }
        content = reader.rest()
    }

    /// The structure as bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(Array(name.utf8).prefix(Self.nameLength))
        writer.pad(to: Self.nameLength)
        writer.u32LE(UInt32(truncatingIfNeeded: content.count))
        writer.append(content)
        return writer.bytes
    }
}
