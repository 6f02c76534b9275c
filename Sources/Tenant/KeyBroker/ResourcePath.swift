import WireFormat

/// The name of a secret: `repository/type/tag`.
///
/// Each segment is `[A-Za-z0-9_-]` followed by any number of those or dots (KBS section 1.1), at most 128 bytes.
public struct ResourcePath: Hashable, Sendable, CustomStringConvertible {
    /// The first segment, by custom the namespace.
    public let repository: String
    /// The second segment.
    public let kind: String
    /// The last segment.
    public let tag: String

    /// Creates a path from its three segments.
    public init(repository: String, kind: String, tag: String) throws(WireError) {
        for segment in [repository, kind, tag] where !Self.isSegment(segment) {
            throw WireError(field: "resource", reason: "a segment has other characters than A-Z a-z 0-9 _ - .")
        }
        self.repository = repository
        self.kind = kind
        self.tag = tag
    }

    /// Reads `repository/type/tag` or `kbs:///repository/type/tag`.
    public init(parsing text: String) throws(WireError) {
        let prefix = "kbs:///"
        let body = text.hasPrefix(prefix) ? text.dropFirst(prefix.count) : Substring(text)
        let parts = body.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else {
            throw WireError(field: "resource", reason: "a resource path has three segments")
        }
        try self.init(repository: parts[0], kind: parts[1], tag: parts[2])
    }

    /// The three segments joined by slashes.
    public var description: String { "\(repository)/\(kind)/\(tag)" }

    static func isSegment(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, first != UInt8(ascii: "."), bytes.count <= 128 else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
            default: false
            }
        }
    }
}
