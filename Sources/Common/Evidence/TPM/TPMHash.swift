/// The hash algorithms that are understood, by their identifiers in the TCG algorithm registry.
public enum TPMHash: UInt16, Sendable, CaseIterable {
    /// SHA-1; banks may use it, signatures must not.
    case sha1 = 0x0004
    /// SHA-256.
    case sha256 = 0x000B
    /// SHA-384.
    case sha384 = 0x000C
    /// SHA-512.
    case sha512 = 0x000D

    /// The number of bytes of a digest.
    public var length: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    /// The name in claims and in JSON, e.g. `sha256`.
    public var name: String {
        switch self {
        case .sha1: "sha1"
        case .sha256: "sha256"
        case .sha384: "sha384"
        case .sha512: "sha512"
        }
    }

    /// The algorithm with a name as in ``name``, in any case and with or without a hyphen.
    public init?(name: String) {
        let plain = name.lowercased().filter { $0 != "-" }
        guard let found = Self.allCases.first(where: { $0.name == plain }) else { return nil }
        self = found
    }
}
