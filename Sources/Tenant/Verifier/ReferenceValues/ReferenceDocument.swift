import WireFormat

/// Reference values as one document states them, its signature checked; only ``ReferenceReader`` makes one.
public struct ReferenceDocument: Equatable, Sendable {
    /// What kind of document it is.
    public enum Kind: String, Sendable {
        /// A statement by hand or by trustee's `sample` message: it has no identity, and each name stands for itself.
        case statement
        /// The project's own document.
        case values
        /// The launch measurements of a guest.
        case release
        /// A concise reference integrity manifest.
        case corim
        /// A reference integrity manifest in XML (SWID).
        case swid
    }

    /// The kind.
    public let kind: Kind
    /// The values.
    public let entries: [ReferenceValueEntry]
    /// Where all of them came from.
    public let provenance: ReferenceProvenance
    /// Its issues: what must not be older than what was taken before. Empty for statements.
    public let marks: [ReferenceMark]
    /// How much of it was not understood and is no value.
    public let unread: Int

    /// Parts of a document whose signature was checked, or that need none.
    init(
        _ kind: Kind, _ entries: [ReferenceValueEntry], _ provenance: ReferenceProvenance,
        issues: [(source: String, sequence: Int64)] = [], unread: Int = 0
    ) throws(WireError) {
        guard entries.count <= ReferenceReader.entryLimit else {
            throw WireError(field: "values", reason: "are more than \(ReferenceReader.entryLimit)")
        }
        var names: Set<String> = []
        for entry in entries where !names.insert(entry.name).inserted {
            throw WireError(field: ShownText.cut(entry.name, bytes: 64), reason: "is stated twice")
        }
        var subjects: Set<String> = []
        for issue in issues where !subjects.insert(issue.source).inserted {
            throw WireError(field: ShownText.cut(issue.source, bytes: 64), reason: "comes twice")
        }
        self.kind = kind
        self.entries = entries
        self.provenance = provenance
        marks = issues.map {
            ReferenceMark(
                subject: .init(signer: provenance.signer, source: $0.source), sequence: $0.sequence,
                document: provenance.document ?? "")
        }
        self.unread = unread
    }
}
