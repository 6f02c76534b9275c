import WireFormat

/// One of a tenant's two certificate authorities.
public struct AuthorityName: Hashable, Sendable, CustomStringConvertible {
    /// Whom an authority certifies; the two never share a root (rule R11).
    public enum Line: String, Sendable, CaseIterable {
        /// Guests that hardware protects.
        case tenant
        /// Simulated and debug guests, and machines with nothing but a TPM.
        case simulated
    }

    /// The tenant's namespace.
    public let namespace: String
    /// Whom it certifies.
    public let line: Line

    /// Names an authority.
    public init(namespace: String, line: Line) throws(WireError) {
        try KeyName.check(namespace, "namespace")
        self.namespace = namespace
        self.line = line
    }

    /// `namespace/line`.
    public var description: String { "\(namespace)/\(line.rawValue)" }

    /// The key in the key management, reserved for the broker.
    func key() throws(KeyFailure) -> KeyName {
        do {
            return try KeyName(namespace: namespace, name: "authority-\(line.rawValue)")
        } catch {
            throw KeyFailure(error)
        }
    }
}

/// The DNS names that an authority may certify: each suffix and all below it (RFC 5280, section 4.2.1.10).
struct PermittedNames: Sendable, Equatable {
    let suffixes: [String]

    /// The most suffixes of an authority.
    static let limit = 16

    init(_ suffixes: [String]) throws(KeyFailure) {
        guard (1...Self.limit).contains(suffixes.count) else {
            throw KeyFailure(.malformed, "suffixes", "must be 1 to \(Self.limit) DNS names")
        }
        for suffix in suffixes where !Self.isName(suffix) {
            throw KeyFailure(
                .malformed, "suffixes", "must be plain lower-case DNS names without wildcard or leading dot")
        }
        self.suffixes = suffixes.sorted()
    }

    /// Whether it covers a name, label by label.
    func covers(_ name: String) -> Bool { suffixes.contains { name == $0 || name.hasSuffix(".\($0)") } }

    /// Letters, digits and hyphens in labels; no wildcard, since guests never get one.
    static func isName(_ text: String) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let hyphen = UInt8(ascii: "-")
        guard text.utf8.count <= 253, !labels.isEmpty else { return false }
        return labels.allSatisfy { label in
            guard (1...63).contains(label.utf8.count), label.utf8.first != hyphen, label.utf8.last != hyphen else {
                return false
            }
            return label.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == hyphen
            }
        }
    }
}
