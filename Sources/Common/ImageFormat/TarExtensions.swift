import WireFormat

/// What pax records and GNU long names say about the entry that follows them.
struct TarExtensions {
    var path: [UInt8]?
    var linkPath: [UInt8]?
    var size: Int64?
    var userID: Int64?
    var groupID: Int64?
    var modified: (seconds: Int64, nanoseconds: UInt32)?
    var attributes: [String: [UInt8]] = [:]

    static let maximumAttributes = 64
    /// The kernel's own limit for the value of one extended attribute.
    static let maximumAttributeBytes = 64 << 10

    /// Takes the records of a pax header: `<length> <key>=<value>\n`, the length covering the whole record.
    mutating func take(paxRecords bytes: [UInt8]) throws(WireError) {
        var rest = bytes[...]
        var seen: Set<[UInt8]> = []
        while !rest.isEmpty {
            let digits = rest.prefix { isDigit($0) }
            guard (1...7).contains(digits.count), let length = Int(String(decoding: digits, as: UTF8.self)),
                length > digits.count + 3, length <= rest.count
            else { throw WireError(field: "pax record", reason: "bad length") }
            let record = rest.prefix(length).dropFirst(digits.count)
            guard record.first == 0x20, record.last == 0x0A, let equals = record.firstIndex(of: UInt8(ascii: "="))
            else {
                throw WireError(field: "pax record", reason: "not \"length key=value\"")
            }
            let key = Array(record[record.startIndex + 1..<equals])
            guard seen.insert(key).inserted else { throw WireError(field: "pax record", reason: "a key appears twice") }
            try self.take(String(decoding: key, as: UTF8.self), Array(record[equals + 1..<record.endIndex - 1]))
            rest = rest.dropFirst(length)
        }
    }

    private mutating func take(_ key: String, _ value: [UInt8]) throws(WireError) {
        switch key {
        case "path": self.path = value
        case "linkpath": self.linkPath = value
        case "size": self.size = try Self.decimal(value, key)
        case "uid": self.userID = try Self.decimal(value, key)
        case "gid": self.groupID = try Self.decimal(value, key)
        case "mtime": self.modified = try Self.time(value)
        default:
            if key.hasPrefix("GNU.sparse.") {
                throw WireError(field: "tar entry", reason: "sparse files are not supported")
            }
            guard key.hasPrefix("SCHILY.xattr.") else { return }  // times of access, names of owners, comments
            let name = String(key.dropFirst("SCHILY.xattr.".count))
            guard !name.isEmpty, name.utf8.count <= 255, !name.utf8.contains(0),
                value.count <= Self.maximumAttributeBytes,
                self.attributes.count < Self.maximumAttributes
            else { throw WireError(field: "pax attribute", reason: "bad name, or too large, or too many") }
            self.attributes[name] = value
        }
    }

    private static func decimal(_ value: [UInt8], _ key: String) throws(WireError) -> Int64 {
        guard (1...18).contains(value.count), value.allSatisfy(isDigit),
            let number = Int64(String(decoding: value, as: UTF8.self))
        else { throw WireError(field: "pax \(key)", reason: "not a decimal number") }
        return number
    }

    private static func time(_ value: [UInt8]) throws(WireError) -> (Int64, UInt32) {
        let negative = value.first == UInt8(ascii: "-")
        let parts = (negative ? value.dropFirst() : value[...]).split(separator: 0x2E, omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { throw WireError(field: "pax mtime", reason: "not a time") }
        let seconds = try self.decimal(Array(parts[0]), "mtime")
        var nanoseconds: UInt32 = 0
        if parts.count == 2 {
            guard parts[1].allSatisfy(isDigit) else { throw WireError(field: "pax mtime", reason: "not a time") }
            let digits = Array(parts[1].prefix(9))
            for place in 0..<9 {
                nanoseconds = nanoseconds * 10 + (place < digits.count ? UInt32(digits[place] - 0x30) : 0)
            }
        }
        guard negative else { return (seconds, nanoseconds) }
        return nanoseconds == 0 ? (-seconds, 0) : (-seconds - 1, 1_000_000_000 - nanoseconds)
    }
}
