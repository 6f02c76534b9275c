import WireFormat

/// The address of a key broker resource: `kbs:///repository/type/tag`.
public enum ResourceAddress {
    /// What each begins with.
    public static let scheme = "kbs:///"
    private static let limit = 512

    /// Checks an address against the path grammar of the key broker protocol.
    public static func check(_ address: String, _ field: String) throws(WireError) {
        _ = try path(of: address, field)
    }

    /// The path, `repository/type/tag`, of an address, or refuses what is none.
    public static func path(of address: String, _ field: String) throws(WireError) -> String {
        guard address.utf8.starts(with: scheme.utf8) else {
            throw WireError(field: field, reason: "must begin with \(scheme)")
        }
        let path = String(decoding: address.utf8.dropFirst(scheme.utf8.count), as: UTF8.self)
        guard isPath(path) else {
            throw WireError(
                field: field, reason: "must be \(scheme)repository/type/tag of letters, digits, _, - and . (not first)")
        }
        return path
    }

    /// Whether a text is a path: three segments, 512 bytes at most.
    public static func isPath(_ text: String) -> Bool { text.utf8.count <= limit && segments(text)?.count == 3 }

    /// The parts between slashes; nil where one of them has other characters than letters, digits, `_`, `-` and, not first, `.`.
    static func segments(_ text: String) -> [String]? {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.allSatisfy { isSegment($0) } ? parts.map { String(decoding: $0, as: UTF8.self) } : nil
    }

    private static func isSegment(_ segment: Substring.UTF8View) -> Bool {
        guard let first = segment.first, first != UInt8(ascii: ".") else { return false }
        return segment.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
            default: false
            }
        }
    }
}
