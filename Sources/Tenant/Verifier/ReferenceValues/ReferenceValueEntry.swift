import WireFormat

/// Where a reference value came from.
public struct ReferenceProvenance: Equatable, Sendable {
    /// The document or statement that it belongs to, by a name that its issuer chose.
    public var source: String
    /// The SHA-256 of the key that signed the document (its SubjectPublicKeyInfo) in hexadecimal; nil when nobody signed.
    public var signer: String?
    /// The SHA-256 of the document in hexadecimal; nil for a statement made by hand.
    public var document: String?
    /// The file or the administrator that it was taken from.
    public var origin: String
    /// When it was taken, in seconds since 1970.
    public var taken: Int64
    /// What its author said about it.
    public var note: String?

    /// Describes where a value came from.
    public init(
        source: String, signer: String? = nil, document: String? = nil, origin: String, taken: Int64,
        note: String? = nil
    ) {
        self.source = source
        self.signer = signer
        self.document = document
        self.origin = origin
        self.taken = taken
        self.note = note
    }

    /// How the names of guest releases begin.
    static let releasePrefix = "testudo-guest/"
    /// Who states something, as a sentence.
    var statement: String {
        let name = ShownText.cut(source, bytes: 64)
        if let signer { return "\(name) states it, signed by the key \(signer)" }
        return source == ReferenceReader.statements
            ? "it was stated by hand, which nobody signed" : "\(name) states it, which nobody signed"
    }

    /// Whether a signed release of the guest states the value.
    public var isRelease: Bool { signer != nil && source.hasPrefix(Self.releasePrefix) }

    /// Whether two values have one author and one document, of whatever version.
    func isSameSource(as other: ReferenceProvenance) -> Bool { source == other.source && signer == other.signer }
}

/// A reference value: what a claim is compared with, under the name that policies ask for.
public struct ReferenceValueEntry: Equatable, Sendable {
    /// The name, such as `snp_launch_measurement`.
    public let name: String
    /// Any JSON value; of a list each element is known.
    public let value: JSONValue
    /// The second from which it is answered; nil from ever.
    public let notBefore: Int64?
    /// The second from which it is answered no more; nil never.
    public let expires: Int64?
    /// Where it came from.
    public let provenance: ReferenceProvenance

    /// The longest name in bytes.
    public static let nameLimit = 512
    /// The longest value in bytes of its canonical JSON.
    public static let valueLimit = 64 << 10
    /// How long a value holds whose author did not say: 12 months, as in trustee.
    public static let usualLife: Int64 = 365 * 86_400

    /// Describes a value; names and values have their limits.
    public init(
        name: String, value: JSONValue, notBefore: Int64? = nil, expires: Int64?, provenance: ReferenceProvenance
    ) throws(WireError) {
        guard !name.isEmpty, name.utf8.count <= Self.nameLimit, ShownText.line(name) == name else {
            throw WireError(field: "name", reason: "must be 1 to \(Self.nameLimit) bytes of text on one line")
        }
        let field = ShownText.cut(name, bytes: 64)
        guard value != .null else { throw WireError(field: field, reason: "null stands for no value") }
        guard value.canonicalBytes.count <= Self.valueLimit else {
            throw WireError(field: field, reason: "the value is larger than \(Self.valueLimit) bytes")
        }
        if let notBefore, let expires, notBefore >= expires {
            throw WireError(field: field, reason: "the value expires before it holds")
        }
        self.name = name
        self.value = value
        self.notBefore = notBefore
        self.expires = expires
        self.provenance = provenance
    }

    /// Whether the value is answered at a time, and why not.
    public func standing(at now: Int64) -> Standing {
        if let expires, now >= expires { return .expired(expires) }
        if let notBefore, now < notBefore { return .notYetValid(notBefore) }
        return .valid
    }

    /// What the clock says of a value.
    public enum Standing: Equatable, Sendable {
        /// It is answered.
        case valid
        /// It is not answered since this second.
        case expired(Int64)
        /// It is not answered until this second.
        case notYetValid(Int64)

        /// In words; nil when the value is answered.
        public var reason: String? {
            switch self {
            case .valid: nil
            case .expired(let time): "expired at \(ReferenceTime.text(time))"
            case .notYetValid(let time): "is not valid before \(ReferenceTime.text(time))"
            }
        }
    }
}

/// Times of reference values as RFC 3339 texts in UTC.
public enum ReferenceTime {
    /// The last second of the year 9999.
    static let last: Int64 = 253_402_300_799

    /// The text of a second since 1970.
    public static func text(_ seconds: Int64) -> String { CalendarTime(seconds: seconds).text }

    /// Reads `YYYY-MM-DDThh:mm:ssZ`, `YYYY-MM-DD` (its first second), or seconds since 1970; nil when it is neither.
    public static func seconds(_ value: JSONValue) -> Int64? {
        let seconds = value.integerValue ?? value.stringValue.flatMap(Self.seconds(parsing:))
        return seconds.flatMap { (0...last).contains($0) ? $0 : nil }
    }

    /// Reads a text such as `2027-01-31T00:00:00Z` or `2027-01-31`; nil when it is none.
    public static func seconds(parsing text: String) -> Int64? {
        CalendarTime(text: text.utf8.count == 10 ? "\(text)T00:00:00Z" : text)?.seconds
    }

    static func optional(_ fields: inout JSONFields, _ key: String) throws(WireError) -> Int64? {
        guard let value = fields.optionalValue(key) else { return nil }
        guard let seconds = seconds(value) else {
            throw fields.refusal(key, "must be a time such as 2027-01-31T00:00:00Z")
        }
        return seconds
    }
}
