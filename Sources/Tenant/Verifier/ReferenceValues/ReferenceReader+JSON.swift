import WireFormat

/// Documents in JSON: the project's own, guest releases, and trustee's messages.
extension ReferenceReader {
    /// What the project's own document says that it is.
    public static let documentKind = "testudo.reference-values"

    /// Reads the content of a document, signed or permitted to be unsigned.
    func read(_ json: JSONValue, signer: String?, _ digest: String) throws(WireError) -> ReferenceDocument {
        switch json["kind"]?.stringValue {
        case Self.documentKind: return try read(values: json, signer, digest)
        case ReferenceValueStore.kind:
            throw WireError(field: "kind", reason: "a store is no document; name it with --file")
        case nil where json["values"] != nil && json["version"] != nil:
            return try read(release: ReleaseDocument(parsing: json), signer, digest)
        default:
            throw WireError(
                field: "kind", reason: "is not \(Self.documentKind), and it is no message or guest release either")
        }
    }

    /// `{"kind", "source", "issuedAt"?, "notBefore"?, "expires"?, "values": [{"name", "value", "notBefore"?, "expires"?, "note"?}]}`.
    private func read(
        values json: JSONValue, _ signer: String?, _ digest: String
    ) throws(WireError) -> ReferenceDocument {
        var fields = try JSONFields(json, path: "")
        _ = try fields.string("kind")
        let source = try Self.source(&fields)
        let issued = try ReferenceTime.optional(&fields, "issuedAt")
        try requirePast(issued)
        let start = try ReferenceTime.optional(&fields, "notBefore")
        let end = try ReferenceTime.optional(&fields, "expires")
        let values = try fields.array("values")
        try fields.finish()
        guard values.count <= Self.entryLimit else {
            throw fields.refusal("values", "are more than \(Self.entryLimit)")
        }
        let provenance = provenance(of: source, signer: signer, document: digest)
        var entries: [ReferenceValueEntry] = []
        for (index, value) in values.enumerated() {
            var fields = try JSONFields(value, path: "values[\(index)]")
            var origin = provenance
            if let said = try fields.optionalString("note") {
                origin.note = ShownText.cut([note, said].compactMap { $0 }.joined(separator: "; "), bytes: 1024)
            }
            let entry = try entry(
                try fields.string("name"), try fields.value("value"),
                try ReferenceTime.optional(&fields, "notBefore") ?? start,
                Self.earlier(try ReferenceTime.optional(&fields, "expires"), end), origin)
            try fields.finish()
            entries.append(entry)
        }
        return try ReferenceDocument(
            .values, entries, provenance, issues: [(source: source, sequence: issued ?? 0)])
    }

    private static let reserved = [ReferenceProvenance.releasePrefix, "corim/", "comid/", "swid/"]

    private static func source(_ fields: inout JSONFields) throws(WireError) -> String {
        let source = try fields.string("source")
        guard !source.isEmpty, source.utf8.count <= 256, ShownText.line(source) == source else {
            throw fields.refusal("source", "must be 1 to 256 bytes of text on one line")
        }
        // Names that other kinds of documents have are not to be mistaken for them.
        guard source != Self.statements, !reserved.contains(where: source.hasPrefix) else {
            throw fields.refusal("source", "must not begin with \(reserved.joined(separator: ", "))")
        }
        return source
    }

    static func earlier(_ first: Int64?, _ second: Int64?) -> Int64? {
        guard let first, let second else { return first ?? second }
        return min(first, second)
    }

    /// A document of the future would have every later one refused as older than it.
    private func requirePast(_ issuedAt: Int64?) throws(WireError) {
        guard let issuedAt, issuedAt > now + 86_400 else { return }
        throw WireError(field: "issuedAt", reason: "\(ReferenceTime.text(issuedAt)) has not come yet")
    }

    /// The name of the document that publishes a version of the guest.
    public static func source(ofGuest version: String) -> String {
        "\(ReferenceProvenance.releasePrefix)\(ShownText.line(version))"
    }

    /// The measurements of a guest under the names that policies ask for.
    public func read(
        release: ReleaseDocument, _ signer: String?, _ digest: String
    ) throws(WireError) -> ReferenceDocument {
        try requirePast(release.issuedAt)
        let source = Self.source(ofGuest: release.version)
        let provenance = provenance(of: source, signer: signer, document: digest)
        var entries: [ReferenceValueEntry] = []
        for (name, value) in release.namedValues.sorted(by: { $0.key < $1.key }) {
            entries.append(try entry(name, value, nil, release.expires, provenance, endless: true))
        }
        return try ReferenceDocument(
            .release, entries, provenance, issues: [(source: source, sequence: release.issuedAt ?? 0)])
    }

    /// A document as a message for trustee's interface, by its first bytes. A message stays as it is when it has no members
    /// but its own: what else it holds must not become an order to the broker.
    public static func message(wrapping bytes: [UInt8]) -> JSONValue {
        if let json = try? JSONValue.parse(bytes), let members = json.objectValue, members["type"] != nil,
            members["payload"] != nil, members.keys.allSatisfy({ ["version", "type", "payload"].contains($0) })
        {
            return json
        }
        let type =
            switch bytes.first {
            case .some(0xC0...0xDF): "corim"
            case .some(UInt8(ascii: "<")): "swid"
            default: "testudo"
            }
        return ["version": "0.1.0", "type": .string(type), "payload": .string(Base64.encode(bytes))]
    }

    /// A message of trustee's reference value service: `{"version"?, "type", "payload": base64}`.
    public func read(message json: JSONValue) throws(WireError) -> ReferenceDocument {
        var fields = try JSONFields(json, path: "")
        let version = try fields.optionalString("version") ?? "0.1.0"
        guard version == "0.1.0" else { throw fields.refusal("version", "is not 0.1.0") }
        let type = try fields.string("type")
        let payload = try Base64.decode(try fields.string("payload"), field: "payload")
        try fields.finish()
        switch type {
        case "sample": return try read(sample: payload)
        case "corim": return try read(corim: payload)
        case "swid": return try read(swid: payload)
        case "testudo": return try read(payload)
        default: throw fields.refusal("type", "is not sample, corim, swid or testudo")
        }
    }

    /// `{name: value, …}`: what whoever sends the message states.
    private func read(sample payload: [UInt8]) throws(WireError) -> ReferenceDocument {
        try requireConsent()
        guard let values = try JSONValue.parse(payload).objectValue else {
            throw WireError(field: "payload", reason: "must be an object, name to value")
        }
        let provenance = provenance(of: Self.statements, signer: nil, document: nil)
        var entries: [ReferenceValueEntry] = []
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            entries.append(try entry(name, value, nil, nil, provenance))
        }
        return try ReferenceDocument(.statement, entries, provenance)
    }
}
