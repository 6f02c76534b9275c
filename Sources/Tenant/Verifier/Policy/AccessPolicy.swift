import Rego
import RegoCrypto
import WireFormat

/// A resource policy in Rego with trustee's interface: package `policy`, the rule `allow`, `input` the claims of a token, and
/// in `data` the members `plugin`, `resource-path` and `query`.
///
/// Nothing but `true` allows: an undefined rule, another value, an error and an evaluation that takes too much all deny.
public struct AccessPolicy: Sendable {
    /// The policy's name.
    public let identifier: String
    /// The source.
    public let source: String
    private let allow: PreparedQuery

    /// The longest source, in bytes.
    public static let sourceLimit = 256 << 10

    private static let start = ContinuousClock.now

    /// What one decision may spend: far more than a policy needs, far less than a caller notices.
    private static func limits() -> Limits {
        var limits = Limits.standard
        limits.iterations = 2_000_000
        limits.values = 2_000_000
        limits.clock = { monotonic() }
        limits.deadline = monotonic() + 1_000_000_000
        return limits
    }

    private static func monotonic() -> Int64 {
        let parts = (ContinuousClock.now - start).components
        return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
    }

    /// Compiles a policy. What is no Rego of version 1 is tried as version 0, in which older policies are written.
    public init(identifier: String, source: String) throws(WireError) {
        self.identifier = identifier
        self.source = source
        guard source.utf8.count <= Self.sourceLimit else {
            throw WireError(field: "policy", reason: "exceeds \(Self.sourceLimit) bytes")
        }
        do throws(RegoErrors) {
            allow = try Self.compile(identifier, source, version0: false)
        } catch {
            do throws(RegoErrors) {
                allow = try Self.compile(identifier, source, version0: true)
            } catch _ {
                throw WireError(field: "policy", reason: ShownText.cutLines(error.description, bytes: 1024))
            }
        }
    }

    private static func compile(
        _ identifier: String, _ source: String, version0: Bool
    ) throws(RegoErrors) -> PreparedQuery {
        var options = CompileOptions()
        options.v0 = version0
        options.functions = Builtin.documents + Builtin.cryptography
        return try Policy.compile(modules: [(name: "\(identifier).rego", source: source)], options: options)
            .prepare(query: "data.policy.allow")
    }

    /// Whether the policy allows it; throws what went wrong, which denies too.
    public func allows(claims: JSONValue, data: JSONValue) throws(WireError) -> Bool {
        try deciding { () throws(RegoError) in
            try allow.value(input: Value(claims), data: Value(data), limits: Self.limits())?.boolean ?? false
        }
    }

    /// Why the policy allows or denies it, for its owner: each rule body that was tried.
    public func explain(claims: JSONValue, data: JSONValue) throws(WireError) -> String {
        try deciding { () throws(RegoError) in
            try allow.explain(input: Value(claims), data: Value(data), limits: Self.limits()).text
        }
    }

    private func deciding<Result>(_ evaluation: () throws(RegoError) -> Result) throws(WireError) -> Result {
        do throws(RegoError) {
            return try evaluation()
        } catch {
            throw WireError(field: "policy \(identifier)", reason: ShownText.cut(error.description, bytes: 1024))
        }
    }
}

extension Value {
    /// The truth value, if this is one.
    fileprivate var boolean: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }
}
