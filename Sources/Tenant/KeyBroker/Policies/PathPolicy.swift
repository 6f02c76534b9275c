import Envelope
import Verifier
import WireFormat

/// A resource policy and the paths for which it decides.
struct PathPolicy: Sendable {
    /// Whether guests have to be in good standing too.
    enum Standing: String, Sendable {
        /// The guest's manifest must be registered and run on a released measurement.
        case needed
        /// The policy decides alone for guests whose manifest nobody registered, and for tokens of other services.
        case notNeeded = "not-needed"
    }

    /// The name of the policy for all paths, as clients of the protocol see it.
    static let globalName = "resource-policy"

    /// The policy's name.
    let id: String
    /// The first segments of the paths; none for all paths.
    let prefix: [String]
    /// Whether guests have to be in good standing too.
    let standing: Standing
    /// The compiled policy.
    let policy: AccessPolicy

    init(id: String, prefix: [String], standing: Standing, source: String) throws(WireError) {
        guard Self.isName(id) else {
            throw WireError(field: "id", reason: "must be 1 to 64 lower-case letters, digits and hyphens")
        }
        guard (id == Self.globalName) == prefix.isEmpty else {
            throw WireError(
                field: "prefix", reason: "must be there for every policy but \(Self.globalName), which has none")
        }
        guard prefix.count <= 3, prefix.allSatisfy({ ResourcePath.isSegment($0) }) else {
            throw WireError(field: "prefix", reason: "must be one to three segments of a resource path")
        }
        self.id = id
        self.prefix = prefix
        self.standing = standing
        policy = try AccessPolicy(identifier: id, source: source)
    }

    /// Whether the policy decides for a path.
    func covers(_ path: [String]) -> Bool { path.starts(with: prefix) }

    /// The SHA-384 of the source, by which an owner knows what is in force.
    var digest: String { Hex.encode(SHA384Digest(hashing: Array(policy.source.utf8)).bytes) }

    /// The stored document.
    var document: [UInt8] {
        JSONValue.object([
            "prefix": .array(prefix.map { .string($0) }), "registration": .string(standing.rawValue),
            "policy": .string(policy.source),
        ]).canonicalBytes
    }

    /// The prefix in a stored document, which is not read further.
    static func prefix(document: [UInt8]) -> [String] {
        (try? JSONValue.parse(document))?["prefix"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    /// Reads a stored document.
    init(id: String, document: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(document), path: "policy \(id)")
        let prefix = try fields.strings("prefix")
        let standing = try Self.standing(&fields)
        let source = try fields.string("policy")
        try fields.finish()
        try self.init(id: id, prefix: prefix, standing: standing, source: source)
    }

    /// Reads what an administrator sends: the source in base64url, and for all but the global policy the prefix.
    init(id: String, request: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(request), path: "")
        let encoded = try fields.string("policy")
        // Clients leave the padding out; some do not.
        let bytes = try Base64.decodeURL(String(encoded.prefix { $0 != "=" }), field: "policy")
        let prefix = try fields.optionalString("prefix") ?? ""
        let standing = try Self.standing(&fields)
        _ = fields.optionalValue("type")
        try fields.finish()
        guard let source = String(validating: bytes, as: UTF8.self) else {
            throw WireError(field: "policy", reason: "is no text in UTF-8")
        }
        try self.init(
            id: id,
            prefix: prefix.isEmpty
                ? [] : prefix.split(separator: "/", omittingEmptySubsequences: false).map(String.init),
            standing: standing, source: source)
        try PolicyRules(source).require("allow", orElse: ("trust_claims", "an attestation policy"))
    }

    private static func standing(_ fields: inout JSONFields) throws(WireError) -> Standing {
        let text = try fields.optionalString("registration") ?? Standing.needed.rawValue
        guard let standing = Standing(rawValue: text) else {
            throw fields.refusal("registration", "must be needed or not-needed")
        }
        return standing
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
