import Envelope
import Evidence
import WireFormat

/// Reads documents of reference values: whose signature counts, what may be unsigned, and until when values hold.
public struct ReferenceReader: Sendable {
    /// The end of values whose document names none.
    public enum Expiry: Equatable, Sendable {
        /// 12 months from now.
        case usual
        /// A second since 1970; it also shortens what a document says, and never lengthens it.
        case at(Int64)
        /// Only what the document itself says.
        case never
    }

    /// The keys that are pinned.
    public let keys: [ReferenceSigningKey]
    /// Whether documents that nobody signed are taken, because the user says so.
    public let allowsUnsigned: Bool
    /// The file or the administrator that documents come from.
    public let origin: String
    /// Until when values hold.
    public let expiry: Expiry
    /// What the user says about the values.
    public let note: String?
    /// Seconds since 1970.
    public let now: Int64

    /// The largest document in bytes.
    public static let sizeLimit = 1 << 20
    /// The most values of one document.
    public static let entryLimit = 10_000
    /// The name of statements that have no document.
    public static let statements = "statements"

    /// Sets the rules.
    public init(
        keys: [ReferenceSigningKey] = [], allowsUnsigned: Bool = false, origin: String, expiry: Expiry = .usual,
        note: String? = nil, now: Int64
    ) {
        self.keys = keys
        self.allowsUnsigned = allowsUnsigned
        self.origin = ShownText.cut(origin, bytes: 512)
        self.expiry = expiry
        self.note = note.map { ShownText.cut($0, bytes: 1024) }
        self.now = now
    }

    /// Reads a document of any form, told by its first bytes: a compact JWS, JSON, CoRIM or a SWID manifest.
    public func read(_ bytes: [UInt8]) throws(WireError) -> ReferenceDocument {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "document", reason: "is larger than \(Self.sizeLimit) bytes")
        }
        guard let first = bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else {
            throw WireError(field: "document", reason: "is empty")
        }
        switch first {
        case UInt8(ascii: "{"): return try read(json: try JSONValue.parse(bytes), bytes)
        case UInt8(ascii: "e"): return try read(signed: bytes)
        case 0xC0...0xDF: return try read(corim: bytes)
        case UInt8(ascii: "<"): return try read(swid: bytes)
        default:
            throw WireError(field: "document", reason: "is neither a signature (JWS), JSON, CoRIM nor a SWID manifest")
        }
    }

    /// A value that somebody states by hand.
    public func statement(
        name: String, value: JSONValue, notBefore: Int64? = nil
    ) throws(WireError) -> ReferenceDocument {
        let provenance = provenance(of: Self.statements, signer: nil, document: nil)
        return try ReferenceDocument(
            .statement, [try entry(name, value, notBefore, nil, provenance)], provenance)
    }

    private func read(signed bytes: [UInt8]) throws(WireError) -> ReferenceDocument {
        guard let text = String(validating: bytes, as: UTF8.self),
            let compact = text.split(whereSeparator: \.isWhitespace).first.map(String.init)
        else { throw WireError(field: "document", reason: "is not a compact signature") }
        for key in keys {
            guard let payload = key.payload(of: compact) else { continue }
            let document = try read(payload, signer: key.identifier, SHA256Digest(hashing: Array(compact.utf8)).hex)
            try key.check(document)
            return document
        }
        throw WireError(field: "signature", reason: "the document is not signed by a pinned key")
    }

    private func read(json: JSONValue, _ bytes: [UInt8]) throws(WireError) -> ReferenceDocument {
        if json["payload"] != nil, json["type"] != nil { return try read(message: json) }
        try requireConsent()
        return try read(json, signer: nil, SHA256Digest(hashing: bytes).hex)
    }

    /// Nothing that nobody signed is believed by accident.
    func requireConsent() throws(WireError) {
        guard allowsUnsigned else {
            throw WireError(
                field: "signature", reason: "nobody signed the document, and unsigned ones are not allowed")
        }
    }

    func provenance(of source: String, signer: String?, document: String?) -> ReferenceProvenance {
        ReferenceProvenance(
            source: source, signer: signer, document: document, origin: origin, taken: now, note: note)
    }

    /// A value with its end: the author's or the usual one, and never later than the user says.
    func entry(
        _ name: String, _ value: JSONValue, _ notBefore: Int64?, _ expires: Int64?,
        _ provenance: ReferenceProvenance, endless: Bool = false
    ) throws(WireError) -> ReferenceValueEntry {
        var end = expires
        switch expiry {
        case .usual: end = end ?? (endless ? nil : now + ReferenceValueEntry.usualLife)
        case .at(let time): end = min(end ?? time, time)
        case .never: break
        }
        if let end, end <= now {
            throw WireError(
                field: ShownText.cut(name, bytes: 64), reason: "expired at \(ReferenceTime.text(end)) already")
        }
        return try ReferenceValueEntry(
            name: name, value: value, notBefore: notBefore, expires: end, provenance: provenance)
    }
}
