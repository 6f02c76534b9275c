import WireFormat

/// Reference values by name, each with its author, its validity and its end.
///
/// A document with an identity owns its values: a newer issue takes the place of the older one with all that it said, and
/// an older one is refused (``ReferenceMark``). A name that one signer states is closed to others and to what nobody signed;
/// several documents of one signer add up, so that every version of a guest that is still published is known.
public struct ReferenceValueStore: Equatable, Sendable {
    /// The values by name, those of one name in the order of their sources.
    private(set) var entries: [String: [ReferenceValueEntry]] = [:]
    /// The newest issue of each document, also of those whose values were removed.
    private(set) var marks: [ReferenceMark.Subject: ReferenceMark] = [:]

    /// The most values that one store holds.
    public static let limit = 100_000
    /// The most documents that one store remembers.
    public static let markLimit = 100_000

    /// A store without values.
    public init() {}

    /// All values, by name and source.
    public var all: [ReferenceValueEntry] { entries.sorted { $0.key < $1.key }.flatMap(\.value) }

    /// What is known by a name at a time.
    public func answer(_ name: String, at now: Int64) -> ReferenceAnswer {
        guard let known = entries[name] else { return .unknown }
        let valid = known.filter { $0.standing(at: now) == .valid }
        switch valid.count {
        case 0: return .unanswered(known.map { $0.standing(at: now) })
        case 1: return .value(valid[0].value)
        default: return .value(Self.union(valid.map(\.value)))
        }
    }

    /// One list with the elements of all.
    private static func union(_ values: [JSONValue]) -> JSONValue {
        var elements: [JSONValue] = []
        for value in values {
            for element in value.arrayValue ?? [value] where !elements.contains(element) { elements.append(element) }
        }
        return .array(elements)
    }

    /// Takes a document's values; nothing changes when it is refused.
    ///
    /// - Parameter allowsRollback: Whether an older issue may take a newer one's place, because the user says so.
    /// - Returns: What changed.
    @discardableResult
    public mutating func take(
        _ document: ReferenceDocument, allowsRollback: Bool = false
    ) throws(WireError) -> ReferenceChange {
        for mark in document.marks { try check(mark, allowsRollback) }
        var changed = self
        var change = ReferenceChange()
        if !document.marks.isEmpty { changed.drop(document.provenance, &change) }
        for entry in document.entries { try changed.put(entry, &change) }
        for mark in document.marks { changed.marks[mark.subject] = mark }
        guard changed.entries.values.lazy.map(\.count).reduce(0, +) <= Self.limit, changed.marks.count <= Self.markLimit
        else { throw WireError(field: "reference values", reason: "are more than \(Self.limit)") }
        change.settle(changed.entries)
        self = changed
        return change
    }

    private func check(_ mark: ReferenceMark, _ allowsRollback: Bool) throws(WireError) {
        guard !allowsRollback, let known = marks[mark.subject] else { return }
        let name = ShownText.cut(mark.subject.source, bytes: 64)
        guard mark.sequence >= known.sequence else {
            throw WireError(
                field: name,
                reason: "roll-back: \(mark.issue) is older than \(known.issue), which was taken before")
        }
        // Documents without a date or version (0) tell nothing of which came first.
        guard mark.sequence > known.sequence || mark.sequence == 0 || mark.document == known.document else {
            throw WireError(
                field: name, reason: "roll-back: another document was taken as \(mark.issue) before")
        }
    }

    private mutating func drop(_ provenance: ReferenceProvenance, _ change: inout ReferenceChange) {
        for (name, known) in entries {
            let kept = known.filter { !$0.provenance.isSameSource(as: provenance) }
            if kept.count == known.count { continue }
            change.removed.insert(name)
            entries[name] = kept.isEmpty ? nil : kept
        }
    }

    private mutating func put(_ entry: ReferenceValueEntry, _ change: inout ReferenceChange) throws(WireError) {
        var known = entries[entry.name] ?? []
        for other in known where !other.provenance.isSameSource(as: entry.provenance) {
            guard let signer = other.provenance.signer, signer == entry.provenance.signer else {
                throw WireError(
                    field: ShownText.cut(entry.name, bytes: 64),
                    reason: "is taken: \(other.provenance.statement); remove the name first, then take the document")
            }
        }
        known.removeAll { $0.provenance.isSameSource(as: entry.provenance) }
        known.append(entry)
        entries[entry.name] = known.sorted { $0.provenance.source < $1.provenance.source }
        change.written.insert(entry.name)
    }

    /// Forgets the values of one document; answers which. Its marks stay.
    public mutating func remove(source: String, signer: String?) -> ReferenceChange {
        var change = ReferenceChange()
        drop(ReferenceProvenance(source: source, signer: signer, origin: "", taken: 0), &change)
        change.settle(entries)
        return change
    }

    /// Forgets all that is known by a name; answers whether there was something. Marks stay, so that the removal of a
    /// value does not open the way for an older issue of its document.
    public mutating func remove(_ name: String) -> Bool { entries.removeValue(forKey: name) != nil }

    /// Puts back what was stored, without the rules for what is new.
    mutating func restore(_ entry: ReferenceValueEntry) throws(WireError) {
        var known = entries[entry.name] ?? []
        guard !known.contains(where: { $0.provenance.isSameSource(as: entry.provenance) }) else {
            throw WireError(field: ShownText.cut(entry.name, bytes: 64), reason: "comes twice from one source")
        }
        known.append(entry)
        entries[entry.name] = known.sorted { $0.provenance.source < $1.provenance.source }
    }

    /// Puts back what was stored of a document's issue.
    mutating func restore(_ mark: ReferenceMark) throws(WireError) {
        guard marks.updateValue(mark, forKey: mark.subject) == nil else {
            throw WireError(field: ShownText.cut(mark.subject.source, bytes: 64), reason: "has two newest issues")
        }
    }
}

/// The newest issue of a document that was taken: what came before it is refused.
public struct ReferenceMark: Equatable, Sendable {
    /// A document of an author, of whatever issue.
    public struct Subject: Hashable, Sendable {
        /// The key that signed it; nil when nobody did.
        public let signer: String?
        /// The document's name.
        public let source: String
    }

    /// What was issued.
    public let subject: Subject
    /// Rises with each issue: a time, or a version.
    public let sequence: Int64
    /// The SHA-256 of the document in hexadecimal.
    public let document: String

    /// The issue in words: its time, or its version where documents of its kind have one.
    var issue: String {
        if subject.source.hasPrefix("comid/") || subject.source.hasPrefix("swid/") { return "version \(sequence)" }
        return sequence == 0 ? "an issue without a date" : "the issue of \(ReferenceTime.text(sequence))"
    }

    /// What tells its subject from others, as one text.
    public var key: String { "\(subject.signer ?? "-") \(subject.source)" }
}

/// What a lookup by name finds.
public enum ReferenceAnswer: Equatable, Sendable {
    /// The value.
    case value(JSONValue)
    /// There are values by this name, none of which holds now.
    case unanswered([ReferenceValueEntry.Standing])
    /// There is nothing by this name.
    case unknown

    /// Why there is no value; nil when there is one.
    public var reason: String? {
        switch self {
        case .value: nil
        case .unanswered(let standings): standings.compactMap(\.reason).joined(separator: ", ")
        case .unknown: "has no value"
        }
    }
}

/// What taking a document changed, by name.
public struct ReferenceChange: Equatable, Sendable {
    /// Names that have a value of the document.
    public fileprivate(set) var written: Set<String> = []
    /// Names that have none left: the document's former issue stated them.
    public fileprivate(set) var removed: Set<String> = []

    /// Names of which something changed.
    public private(set) var touched: Set<String> = []

    fileprivate mutating func settle(_ entries: [String: [ReferenceValueEntry]]) {
        touched = written.union(removed)
        removed = removed.filter { entries[$0] == nil }
    }
}
