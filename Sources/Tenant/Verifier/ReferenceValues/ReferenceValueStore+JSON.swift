import WireFormat

/// The store as a JSON document, and its parts as the rows of a database hold them.
extension ReferenceValueStore {
    /// What the document of a store says that it is.
    public static let kind = "testudo.reference-value-store"
    /// The largest document in bytes.
    public static let sizeLimit = 64 << 20

    /// Reads what ``json`` wrote.
    public init(json: JSONValue) throws(WireError) {
        var fields = try JSONFields(json, path: "")
        guard try fields.string("kind") == Self.kind else { throw fields.refusal("kind", "is not \(Self.kind)") }
        let values = try fields.array("values")
        let issues = try fields.optionalArray("issues")
        try fields.finish()
        guard values.count <= Self.limit, issues.count <= Self.markLimit else {
            throw fields.refusal("values", "are more than \(Self.limit)")
        }
        for (index, value) in values.enumerated() {
            try restore(try ReferenceValueEntry(json: value, path: "values[\(index)]"))
        }
        for (index, issue) in issues.enumerated() {
            try restore(try ReferenceMark(json: issue, path: "issues[\(index)]"))
        }
    }

    /// The document, in a fixed order.
    public var json: JSONValue {
        let issues = marks.values.sorted {
            ($0.subject.source, $0.subject.signer ?? "") < ($1.subject.source, $1.subject.signer ?? "")
        }
        return [
            "kind": .string(Self.kind), "values": .array(all.map(\.json)), "issues": .array(issues.map(\.json)),
        ]
    }

    /// Reads rows of a database: the JSON of entries and of marks.
    ///
    /// - Parameter keys: The keys that are still pinned: what others signed, or they may not state any more, is left out.
    public init(entries: [JSONValue], marks: [JSONValue], keys: [ReferenceSigningKey]) throws(WireError) {
        for row in entries {
            let entry = try ReferenceValueEntry(json: row, path: "entry")
            let isKept = entry.provenance.signer.map { signer in
                keys.contains { $0.identifier == signer && $0.mayState(entry) }
            }
            if isKept ?? true { try restore(entry) }
        }
        for mark in marks { try restore(try ReferenceMark(json: mark, path: "issue")) }
    }

    /// The entries of one name as JSON, but for those that a signed release document puts there each time it is read.
    public func rows(of name: String) -> [JSONValue] {
        (entries[name] ?? []).filter { !$0.provenance.isRelease }.map(\.json)
    }
}

extension ReferenceValueEntry {
    /// Reads what ``json`` wrote.
    init(json: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(json, path: path)
        let (name, value) = (try fields.string("name"), try fields.value("value"))
        let notBefore = try ReferenceTime.optional(&fields, "notBefore")
        let expires = try ReferenceTime.optional(&fields, "expires")
        var origin = try fields.fields("provenance")
        try fields.finish()
        guard let taken = try ReferenceTime.optional(&origin, "taken") else {
            throw origin.refusal("taken", "is missing")
        }
        let provenance = ReferenceProvenance(
            source: try origin.string("source"), signer: try origin.optionalString("signer"),
            document: try origin.optionalString("document"), origin: try origin.string("origin"), taken: taken,
            note: try origin.optionalString("note"))
        try origin.finish()
        try self.init(name: name, value: value, notBefore: notBefore, expires: expires, provenance: provenance)
    }

    /// The value with all that is known of it.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "value": value, "provenance": provenance.json,
        ]
        if let notBefore { members["notBefore"] = .string(ReferenceTime.text(notBefore)) }
        if let expires { members["expires"] = .string(ReferenceTime.text(expires)) }
        return .object(members)
    }
}

extension ReferenceProvenance {
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "source": .string(source), "origin": .string(origin), "taken": .string(ReferenceTime.text(taken)),
        ]
        for (name, text) in [("signer", signer), ("document", document), ("note", note)] {
            if let text { members[name] = .string(text) }
        }
        return .object(members)
    }
}

extension ReferenceMark {
    init(json: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(json, path: path)
        subject = Subject(signer: try fields.optionalString("signer"), source: try fields.string("source"))
        sequence = try fields.integer("sequence")
        document = try fields.string("document")
        try fields.finish()
    }

    /// The mark as a row of a database.
    public var json: JSONValue {
        var members: [String: JSONValue] = [
            "source": .string(subject.source), "sequence": .integer(sequence), "document": .string(document),
        ]
        if let signer = subject.signer { members["signer"] = .string(signer) }
        return .object(members)
    }
}
