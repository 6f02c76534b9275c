import WireFormat

/// An init-data document: TOML with `version`, `algorithm` and the table `data` of texts. Its digest is over its exact bytes.
public struct InitDataDocument: Sendable {
    /// The bytes as they came.
    public let bytes: [UInt8]
    /// The hash that the document names.
    public let algorithm: HashAlgorithm
    /// The entries of `data`.
    public let entries: [String: String]
    /// What policies and tokens get to see (`init_data_claims`).
    public let claims: JSONValue

    /// The largest document, in bytes.
    public static let sizeLimit = 1 << 20

    /// How deep claims nest: as deep as JSON may (64), less what a token wraps around them.
    static let depthLimit = 56

    /// Reads a document.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "init-data", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw WireError(field: "init-data", reason: "is not UTF-8")
        }
        var fields = try JSONFields(try TOMLParser.parse(text), path: "init-data")
        _ = try fields.string("version")
        algorithm = try HashAlgorithm(parsing: try fields.string("algorithm"), field: "init-data.algorithm")
        let data = try fields.value("data")
        try fields.finish()
        guard let members = data.objectValue else {
            throw WireError(field: "init-data.data", reason: "must be a table")
        }
        var entries: [String: String] = [:]
        for (name, value) in members {
            guard let text = value.stringValue else {
                throw WireError(field: "init-data.data.\(ShownText.cut(name, bytes: 64))", reason: "must be a text")
            }
            entries[name] = text
        }
        self.bytes = bytes
        self.entries = entries
        claims = try Self.claims(entries)
        guard !Self.nests(claims, deeperThan: Self.depthLimit) else {
            throw WireError(field: "init-data.data", reason: "nests deeper than \(Self.depthLimit) levels")
        }
    }

    private static func nests(_ value: JSONValue, deeperThan limit: Int) -> Bool {
        switch value {
        case .object(let members): limit == 0 || members.values.contains { nests($0, deeperThan: limit - 1) }
        case .array(let elements): limit == 0 || elements.contains { nests($0, deeperThan: limit - 1) }
        default: false
        }
    }

    /// The digest by the document's own hash.
    public var digest: [UInt8] { algorithm.digest(bytes) }

    /// The agents' configurations as documents, the data of the agent's policy for the policy, and the rest as it stands.
    private static func claims(_ entries: [String: String]) throws(WireError) -> JSONValue {
        var claims: [String: JSONValue] = [:]
        for (name, text) in entries {
            switch name {
            case "aa.toml", "cdh.toml": claims[name] = try TOMLParser.parse(text)
            case "policy.rego": claims["agent_policy_claims"] = policyData(text)
            default: claims[name] = .string(text)
            }
        }
        return .object(claims)
    }

    /// The JSON of the assignment `policy_data := {…}` at the policy's end; nil when there is none.
    private static func policyData(_ policy: String) -> JSONValue? {
        let marker = Array("policy_data := ".utf8)
        let bytes = Array(policy.utf8)
        guard bytes.count > marker.count else { return nil }
        var start = bytes.count - marker.count
        while start >= 0 {
            let isLine = start == 0 || bytes[start - 1] == UInt8(ascii: "\n")
            if isLine, bytes[start..<start + marker.count].elementsEqual(marker) {
                return try? JSONValue.parse(Array(bytes[(start + marker.count)...]))
            }
            start -= 1
        }
        return nil
    }
}
