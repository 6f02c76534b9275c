import WireFormat

/// The name of a key: a tenant's namespace and a name within it, each a segment as in resource paths.
public struct KeyName: Hashable, Sendable, CustomStringConvertible {
    /// The tenant's namespace.
    public let namespace: String
    /// The name within the namespace.
    public let name: String

    /// The most bytes of one segment.
    public static let segmentLimit = 128

    /// Names a key.
    public init(namespace: String, name: String) throws(WireError) {
        try Self.check(namespace, "namespace")
        try Self.check(name, "name")
        self.namespace = namespace
        self.name = name
    }

    /// Reads `namespace/name`.
    public init(parsing text: String) throws(WireError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw WireError(field: "key", reason: "must be namespace/name") }
        try self.init(namespace: parts[0], name: parts[1])
    }

    /// `namespace/name`.
    public var description: String { "\(namespace)/\(name)" }

    /// `[A-Za-z0-9_-]` followed by any number of those or dots (KBS section 1.1).
    static func check(_ text: String, _ field: String) throws(WireError) {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, first != UInt8(ascii: "."), bytes.count <= segmentLimit else {
            throw WireError(field: field, reason: "must have 1 to \(segmentLimit) characters and no leading dot")
        }
        let isLegal = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
            default: false
            }
        }
        guard isLegal else { throw WireError(field: field, reason: "has other characters than A-Z a-z 0-9 _ - .") }
    }
}
