import WireFormat

/// A guest whose evidence was accepted, as far as key policies look at it.
public struct AttestedCaller: Sendable, Equatable {
    /// The digest of its manifest in lower-case hexadecimal.
    public let manifest: String
    /// The claims of its token, for policies in Rego.
    public let claims: JSONValue

    /// Describes a guest.
    public init(manifest: String, claims: JSONValue = .object([:])) {
        self.manifest = manifest
        self.claims = claims
    }
}

/// Who asks for something to be done with a key. The broker makes this of a session, a token or a certificate, never of
/// what a request says about itself.
public enum KeyCaller: Sendable, Equatable {
    /// An attested guest: uses keys as the policy allows.
    case guest(AttestedCaller)
    /// An administrator of some namespaces, of all when nil: manages keys.
    case administrator(namespaces: Set<String>?)
    /// The broker itself, for keys that are reserved for it.
    case broker
}

/// A policy's answer, with the rule that gave it.
public struct KeyDecision: Sendable, Equatable {
    /// Whether the operation goes on.
    public let isAllowed: Bool
    /// The rule that decided.
    public let check: String
    /// Why, for the tenant.
    public let reason: String

    /// Describes an answer.
    public init(isAllowed: Bool, check: String, reason: String) {
        self.isAllowed = isAllowed
        self.check = check
        self.reason = reason
    }
}

/// Decides what attested guests may do with keys.
public protocol KeyPolicy: Sendable {
    /// Answers one question; what a policy cannot decide, it denies.
    func decide(_ caller: AttestedCaller, _ key: KeyName, _ operation: KeyOperation) async -> KeyDecision
}

/// A permission in a registration: `kms:NAME:OPERATION`. There is no wildcard.
public struct KeyGrant: Hashable, Sendable, CustomStringConvertible {
    /// The key.
    public let key: KeyName
    /// What may be done with it.
    public let operation: KeyOperation

    /// Creates a grant.
    public init(key: KeyName, operation: KeyOperation) {
        self.key = key
        self.operation = operation
    }

    /// Reads `kms:NAME:OPERATION` for a manifest of `namespace`; a manifest has no grant for the keys of another namespace.
    public init(parsing text: String, namespace: String) throws(WireError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[0] == "kms" else {
            throw WireError(field: "grant", reason: "must be kms:NAME:OPERATION")
        }
        guard let operation = KeyOperation(rawValue: parts[2]) else {
            throw WireError(
                field: "grant.operation",
                reason: "must be one of \(KeyOperation.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self.init(key: try KeyName(namespace: namespace, name: parts[1]), operation: operation)
    }

    /// `kms:NAME:OPERATION`.
    public var description: String { "kms:\(key.name):\(operation.rawValue)" }
}

/// The built-in policy: the guest's manifest must be registered for the operation on the key.
public struct GrantPolicy: KeyPolicy {
    private let grants: @Sendable (_ manifest: String) async -> Set<KeyGrant>?

    /// Looks up grants by manifest; nil where the manifest is not registered or not in force.
    public init(grants: @escaping @Sendable (_ manifest: String) async -> Set<KeyGrant>?) { self.grants = grants }

    /// Denies unless there is a grant.
    public func decide(_ caller: AttestedCaller, _ key: KeyName, _ operation: KeyOperation) async -> KeyDecision {
        guard let found = await grants(caller.manifest) else {
            return KeyDecision(
                isAllowed: false, check: "manifest-unregistered",
                reason: "the manifest is not registered or not in force")
        }
        guard found.contains(KeyGrant(key: key, operation: operation)) else {
            return KeyDecision(
                isAllowed: false, check: "key-not-registered",
                reason: "the manifest is not registered for kms:\(key.name):\(operation.rawValue)")
        }
        return KeyDecision(
            isAllowed: true, check: "registration", reason: "the manifest is registered for the operation")
    }
}
