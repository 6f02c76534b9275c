import WireFormat

/// A concise reference integrity manifest (draft-ietf-rats-corim): what a vendor's parts measure when they are genuine.
///
/// Its module tags (CoMID) are read for reference triples with digests and raw values. What else it holds is counted in
/// ``unread``, so that nobody takes silence for agreement.
public struct CoRIM: Equatable, Sendable {
    /// When something holds, in seconds since 1970.
    public struct Validity: Equatable, Sendable {
        /// The first second; nil holds from ever.
        public let notBefore: Int64?
        /// The last second.
        public let notAfter: Int64
    }

    /// A module tag: an identifier with a version, and its measurements.
    public struct Module: Equatable, Sendable {
        /// What it is called.
        public let identifier: String
        /// Rises with each issue.
        public let version: UInt64
        /// The measurements, in their order.
        public let measurements: [Measurement]
    }

    /// One measurement of a reference triple.
    public struct Measurement: Equatable, Sendable {
        /// Vendor, model, measured element, name and serial number, as far as they are given.
        public let path: [String]
        /// Digests that are known.
        public let digests: [[UInt8]]
        /// The raw value, when there is one that is compared whole.
        public let rawValue: [UInt8]?
    }

    /// The manifest's identifier.
    public let identifier: String
    /// When the manifest holds; nil says nothing.
    public let validity: Validity?
    /// Its module tags.
    public let modules: [Module]
    /// How many tags, triples, measurements and properties were not understood.
    public let unread: Int
    /// The manifest as it came.
    public let item: CBORValue

    private static let field = "CoRIM"
    /// The most measurements of one manifest.
    public static let measurementLimit = 10_000

    /// Parses an unsigned manifest: CBOR tag 501, perhaps within the tag 500 of early encoders.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let item = Self.unwrapped(try CBORValue(parsing: bytes, Self.field))
        guard case .tagged(501, let map) = item else {
            throw WireError(field: Self.field, reason: "is not tagged as an unsigned manifest (501)")
        }
        try self.init(map, item)
    }

    /// Parses the payload of a signed manifest, whose tag early drafts leave out.
    public init(payload bytes: [UInt8]) throws(WireError) {
        let item = try CBORValue(parsing: bytes, "CoRIM payload")
        if case .tagged(501, let map) = item { try self.init(map, item) } else { try self.init(item, item) }
    }

    /// The manifest without the outer tags 500 and 502, which say nothing that the inner ones do not.
    static func unwrapped(_ item: CBORValue) -> CBORValue {
        var item = item
        while case .tagged(let tag, let inner) = item, tag == 500 || tag == 502 { item = inner }
        return item
    }

    /// The manifest as bytes.
    public var bytes: [UInt8] { item.bytes }

    private init(_ map: CBORValue, _ item: CBORValue) throws(WireError) {
        guard case .map = map else { throw WireError(field: Self.field, reason: "is not a map") }
        guard let identifier = CoRIMText.identifier(map[0]) else {
            throw WireError(field: "CoRIM id", reason: "is neither a text nor a UUID")
        }
        guard let tags = map[1]?.list, !tags.isEmpty else {
            throw WireError(field: "CoRIM tags", reason: "must be a list with at least one")
        }
        self.identifier = identifier
        validity = try Self.validity(map[4], "CoRIM validity")
        var reader = CoMIDReader()
        var modules: [Module] = []
        for (index, tag) in tags.enumerated() {
            guard case .tagged(506, .bytes(let bytes)) = tag else {
                reader.unread += 1
                continue
            }
            modules.append(try reader.module(bytes, "CoRIM tags[\(index)]"))
        }
        self.modules = modules
        unread = reader.unread
        self.item = item
    }

    /// A validity map: 0 the first second, 1 the last, both as tag 1.
    static func validity(_ value: CBORValue?, _ field: String) throws(WireError) -> Validity? {
        guard let value else { return nil }
        func time(_ key: Int64) throws(WireError) -> Int64? {
            guard let value = value[key] else { return nil }
            guard case .tagged(1, let number) = value, let seconds = number.integer,
                (0...253_402_300_799).contains(seconds)
            else { throw WireError(field: field, reason: "holds a time that is not a whole number of seconds") }
            return seconds
        }
        guard let last = try time(1) else { throw WireError(field: field, reason: "has no end") }
        return Validity(notBefore: try time(0), notAfter: last)
    }
}
