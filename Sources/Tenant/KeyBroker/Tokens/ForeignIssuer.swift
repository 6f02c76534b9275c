import WireFormat

/// Another attestation service whose tokens count here: one entry of `foreignTokens` in the configuration.
public struct ForeignIssuer: Sendable, Equatable {
    /// What tells its tokens' keys from others'.
    public enum Trust: Sendable, Equatable {
        /// A file with its keys (JWK set).
        case keySet(String)
        /// A file with certificates (PEM): the self-signed ones are roots, the others help to build chains.
        case certificates(String)
    }

    /// The `iss` of its tokens.
    public var issuer: String
    /// The `aud` that its tokens must have; nil when they must have none.
    public var audience: String?
    /// Whose signatures count.
    public var trust: Trust
    /// Where its tokens name the TEE's key, before the known places.
    var places: KeyPlaces
    /// The longest life of a token in seconds.
    public var longestLife: Int64

    /// Takes `foreignTokens` out of the configuration; `absolute` makes a path of a file's name.
    static func list(
        _ configuration: inout JSONFields, _ absolute: (String) -> String
    ) throws(WireError) -> [ForeignIssuer] {
        var issuers: [ForeignIssuer] = []
        for (index, element) in try configuration.optionalArray("foreignTokens").enumerated() {
            let issuer = try ForeignIssuer(element, path: "foreignTokens[\(index)]", absolute)
            guard !issuers.contains(where: { $0.issuer == issuer.issuer && $0.audience == issuer.audience }) else {
                throw WireError(field: "foreignTokens[\(index)]", reason: "names an issuer again")
            }
            issuers.append(issuer)
        }
        return issuers
    }

    private init(_ value: JSONValue, path: String, _ absolute: (String) -> String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        issuer = try fields.string("issuer")
        guard !issuer.isEmpty else { throw fields.refusal("issuer", "is empty") }
        audience = try fields.optionalString("audience")
        let keys = try fields.optionalString("jwks")
        let certificates = try fields.optionalString("certificates")
        switch (keys, certificates) {
        case (let file?, nil): trust = .keySet(absolute(file))
        case (nil, let file?): trust = .certificates(absolute(file))
        default: throw fields.refusal("jwks", "either jwks or certificates must be there")
        }
        places = try KeyPlaces(try fields.optionalStrings("teeKeyPaths"))
        let minutes = try fields.optionalInteger("longestMinutes") ?? 24 * 60
        guard (1...525_600).contains(minutes) else { throw fields.refusal("longestMinutes", "must be 1 to 525600") }
        longestLife = minutes * 60
        try fields.finish()
    }
}
