import WireFormat

/// The address of a key broker resource: `kbs:///repository/type/tag`.
public enum ResourceAddress {
    private static let scheme = "kbs:///"

    /// Checks an address against the path grammar of the key broker protocol.
    public static func check(_ address: String, _ field: String) throws(WireError) {
        guard address.hasPrefix(scheme), address.utf8.count <= 1024 else {
            throw WireError(field: field, reason: "must begin with \(scheme)")
        }
        let segments = address.dropFirst(scheme.count).utf8.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.count == 3, segments.allSatisfy({ isSegment($0) }) else {
            throw WireError(
                field: field, reason: "must be \(scheme)repository/type/tag of letters, digits, _, - and . (not first)")
        }
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
