import Crypto
import WireFormat

/// What ties a line of the audit log to the one before it.
///
/// Each line is a JSON object in canonical form with the members `seq` (a number that grows by one) and `prev` (SHA-256 of the
/// line before, without its line feed, in hexadecimal). Who removes, changes, adds or reorders a line breaks the chain at
/// that place; who rewrites all that follows ends at another last line than the one that is noted elsewhere.
public struct AuditLink: Equatable, Sendable {
    /// The number of the line, from 1.
    public let sequence: Int64
    /// SHA-256 of the line before; 64 zeros before the first.
    public let previous: String

    /// Says which line follows which.
    public init(sequence: Int64, previous: String) {
        self.sequence = sequence
        self.previous = previous
    }

    /// The link of a log's first line.
    public static let first = AuditLink(sequence: 1, previous: String(repeating: "0", count: 64))

    /// The link of a line as it lies in a file; nil when it is no line of a chain, such as one with the last number there can
    /// be, which no other line could follow.
    public init?(line: some Collection<UInt8>) {
        guard let value = try? JSONValue.parse(Array(line)), let sequence = value["seq"]?.integerValue,
            let previous = value["prev"]?.stringValue, sequence > 0, sequence < .max, previous.utf8.count == 64
        else { return nil }
        self.init(sequence: sequence, previous: previous)
    }

    /// What a line with this link carries.
    public var members: [String: JSONValue] { ["seq": .integer(sequence), "prev": .string(previous)] }

    /// The link of the line after `line`, which has this link.
    public func next(after line: some Collection<UInt8>) -> AuditLink {
        AuditLink(sequence: sequence + 1, previous: Self.hash(line))
    }

    /// SHA-256 of a line in hexadecimal.
    public static func hash(_ line: some Collection<UInt8>) -> String { Hex.encode(SHA256.hash(data: Array(line))) }
}

/// The last line of a log, noted where whoever writes the log cannot change it: in the sealed store, or on paper.
public struct AuditHead: Equatable, Sendable {
    /// Its number.
    public let sequence: Int64
    /// Its hash.
    public let hash: String

    /// Notes a line.
    public init(sequence: Int64, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// Reads `NUMBER:HASH`; nil when it is something else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let sequence = Int64(parts[0]), sequence > 0, parts[1].utf8.count == 64 else {
            return nil
        }
        self.init(sequence: sequence, hash: parts[1].lowercased())
    }

    /// `NUMBER:HASH`.
    public var text: String { "\(sequence):\(hash)" }
}
