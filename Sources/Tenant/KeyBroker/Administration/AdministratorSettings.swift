import Rego
import WireFormat

/// Who administers beside the owners of `adminKeys`: the member `administrators` of the configuration.
///
/// Without it there is nobody else. The roles have the meaning that trustee gives them: an identity provider says who has which,
/// a rule says what a role may call.
public struct AdministratorSettings: Sendable, Equatable {
    /// Whose tokens name roles; tried in their order.
    public var providers: [IdentityProvider] = []
    /// What roles may do; what no rule allows is refused.
    public var rules: [AccessRule] = []

    /// The role that only keys of a tenant give.
    static let tenantRole = "tenant-admin"

    init() {}

    /// Takes the member out of the configuration; `absolute` makes a path of a file's name.
    init(_ configuration: inout JSONFields, _ absolute: (String) -> String) throws(WireError) {
        guard var fields = try configuration.optionalFields("administrators") else { return }
        for (index, element) in try fields.array("identityProviders").enumerated() {
            providers.append(
                try IdentityProvider(element, path: "administrators.identityProviders[\(index)]", absolute))
        }
        for (index, element) in try fields.array("acls").enumerated() {
            rules.append(try AccessRule(element, path: "administrators.acls[\(index)]"))
        }
        try fields.finish()
        guard !providers.isEmpty else { throw fields.refusal("identityProviders", "must name at least one") }
        guard !rules.isEmpty else { throw fields.refusal("acls", "must hold at least one rule") }
    }

    /// Whether some rule allows a role a call.
    func allows(_ role: String, _ call: AdministratorCall) -> Bool {
        rules.contains { $0.role == role && $0.allows(call) }
    }
}

/// A service or person that signs tokens of administrators.
public struct IdentityProvider: Sendable, Equatable {
    /// Where its keys are.
    public enum Keys: Sendable, Equatable {
        /// Files with one public key each (PEM).
        case files([String])
        /// A file with a JWK set.
        case keySet(String)
    }

    /// The `iss` that its tokens must have; nil for any.
    public var issuer: String?
    /// The `aud` that its tokens must have; nil for any.
    public var audience: String?
    /// Its keys, read again when they change.
    public var keys: Keys
    /// The longest time that its tokens may still have to live, in seconds.
    public var longestLife: Int64

    fileprivate init(_ value: JSONValue, path: String, _ absolute: (String) -> String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        issuer = try fields.optionalString("issuer")
        audience = try fields.optionalString("audience")
        let files = try fields.optionalStrings("keys").map(absolute)
        let set = try fields.optionalString("jwks").map(absolute)
        switch (files.isEmpty, set) {
        case (false, nil): keys = .files(files)
        case (true, let set?): keys = .keySet(set)
        default: throw fields.refusal("keys", "either keys or jwks must be there")
        }
        let minutes = try fields.optionalInteger("longestMinutes") ?? 24 * 60
        guard (1...525_600).contains(minutes) else { throw fields.refusal("longestMinutes", "must be 1 to 525600") }
        longestLife = minutes * 60
        try fields.finish()
    }
}

/// What a role may call.
public struct AccessRule: Sendable, Equatable {
    /// The role, as tokens name it.
    public var role: String
    /// The patterns, of which one has to match path and query.
    public var endpoints: [String]
    /// The methods; empty for all.
    public var methods: Set<String>
    private let patterns: [RegularExpression]

    /// Whether both allow the same by the same words.
    public static func == (one: AccessRule, other: AccessRule) -> Bool {
        (one.role, one.endpoints, one.methods) == (other.role, other.endpoints, other.methods)
    }

    fileprivate init(_ value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        role = try fields.string("role")
        endpoints = try fields.strings("endpoints")
        methods = Set(try fields.optionalStrings("methods"))
        try fields.finish()
        guard !role.isEmpty, role != AdministratorSettings.tenantRole else {
            throw fields.refusal(
                "role", "must not be empty or \(AdministratorSettings.tenantRole), which tenants' keys give")
        }
        guard !endpoints.isEmpty else { throw fields.refusal("endpoints", "must hold at least one pattern") }
        guard methods.isSubset(of: ["GET", "POST", "PUT", "DELETE"]) else {
            throw fields.refusal("methods", "must be GET, POST, PUT or DELETE")
        }
        var patterns: [RegularExpression] = []
        for (index, endpoint) in endpoints.enumerated() {
            let place = "endpoints[\(index)]"
            guard !endpoint.contains("\\Q") else { throw fields.refusal(place, "must not quote with \\Q") }
            guard Self.branches(endpoint).allSatisfy({ $0.hasPrefix("^/kbs") && $0.hasSuffix("$") }) else {
                throw fields.refusal(place, "must start with ^/kbs and end with $, each alternative of its own")
            }
            do {
                patterns.append(try RegularExpression("\\A(?:\(endpoint))\\z"))
            } catch {
                throw fields.refusal(place, error.description)
            }
        }
        self.patterns = patterns
    }

    func allows(_ call: AdministratorCall) -> Bool {
        (methods.isEmpty || methods.contains(call.method)) && patterns.contains { $0.isFound(in: call.target) }
    }

    /// The alternatives of a pattern outside of all groups and classes.
    private static func branches(_ pattern: String) -> [Substring] {
        var branches: [Substring] = []
        var start = pattern.startIndex
        var (depth, isInClass, isEscaped) = (0, false, false)
        for index in pattern.indices {
            if isEscaped {
                isEscaped = false
                continue
            }
            switch pattern[index] {
            case "\\": isEscaped = true
            case "[": isInClass = true
            case "]": isInClass = false
            case "(" where !isInClass: depth += 1
            case ")" where !isInClass: depth -= 1
            case "|" where depth == 0 && !isInClass:
                branches.append(pattern[start..<index])
                start = pattern.index(after: index)
            default: break
            }
        }
        return branches + [pattern[start...]]
    }
}
