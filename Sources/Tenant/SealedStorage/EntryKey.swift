/// A family of entries that are listed together, such as resources or registrations.
public struct EntryFamily: RawRepresentable, Hashable, Sendable {
    /// The family's name, lower-case letters and hyphens.
    public let rawValue: String

    /// Names a family; the names are the program's own, never a client's.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The entry of this family by `name`.
    public subscript(name: String) -> EntryKey { EntryKey(self, name) }
}

/// What an entry is called: its family and its name within that.
///
/// Neither reaches the database: ``StoreKeyring`` turns both into keyed hashes (rule R14).
public struct EntryKey: Hashable, Sendable, CustomStringConvertible {
    /// The family.
    public let family: EntryFamily
    /// The name within the family, at most ``nameLimit`` bytes of UTF-8.
    public let name: String

    /// The most bytes of a name.
    public static let nameLimit = 4096

    /// Names an entry.
    public init(_ family: EntryFamily, _ name: String) {
        self.family = family
        self.name = name
    }

    /// EntryFamily and name with a slash between them.
    public var description: String { "\(family.rawValue)/\(name)" }
}

/// An entry as it was read.
public struct StoredEntry: Sendable, Equatable {
    /// The name within its family.
    public let name: String
    /// The plain bytes.
    public let value: [UInt8]
    /// The store's revision that wrote it; each write has a higher one.
    public let version: UInt64
}
