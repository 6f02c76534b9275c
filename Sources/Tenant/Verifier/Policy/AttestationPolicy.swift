import Rego
import RegoCrypto
import WireFormat

/// What an attestation policy said of evidence.
public struct PolicyVerdict: Equatable, Sendable {
    /// The trust claims.
    public let trustVector: TrustVector
    /// Further members of the token, by name: `{name, key, value}` of the rule `extensions`.
    public let extensions: [PolicyExtension]
}

/// A member that a policy adds to the token.
public struct PolicyExtension: Equatable, Sendable {
    /// The member's name, such as `ear.trustee.identifiers`.
    public let name: String
    /// The number that stands for the name in a CWT.
    public let key: Int32
    /// Its value.
    public let value: JSONValue
}

/// An attestation policy in Rego with trustee's interface: package `policy`, `input` the annotated evidence, the function
/// `query_reference_value(name)`, the rules `trust_claims` (an object of AR4SI names and numbers) and `extensions`.
///
/// Unlike trustee, which truncates numbers to a byte and stops at a name it does not know, numbers out of range and
/// unknown names refuse the evidence.
public struct AttestationPolicy: AppraisalPolicy {
    /// The name that tokens carry.
    public let identifier: String
    private let trustClaims: PreparedQuery
    private let extensionList: PreparedQuery
    private let references: any ReferenceValueSource
    private let source: (text: String, isVersion0: Bool)

    /// What one appraisal may spend.
    private static func limits() -> Limits {
        var limits = Limits.standard
        limits.iterations = 2_000_000
        limits.values = 2_000_000
        limits.clock = { monotonic() }
        limits.deadline = monotonic() + 2_000_000_000
        return limits
    }

    private static let start = ContinuousClock.now

    /// Nanoseconds since the first appraisal.
    private static func monotonic() -> Int64 {
        let parts = (ContinuousClock.now - start).components
        return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
    }

    /// Compiles a policy.
    ///
    /// - Parameters:
    ///   - identifier: Its name.
    ///   - source: The Rego source.
    ///   - version0: Whether it is written in Rego v0.
    ///   - references: What `query_reference_value` answers; a name without a value is `null`.
    public init(
        identifier: String, source: String, version0: Bool = false, references: any ReferenceValueSource
    ) throws(RegoErrors) {
        self.identifier = identifier
        self.references = references
        self.source = (source, version0)
        let policy = try Self.compile(identifier, source, version0, references)
        trustClaims = try policy.prepare(query: "data.policy.trust_claims")
        extensionList = try policy.prepare(query: "data.policy.extensions")
    }

    private static func compile(
        _ identifier: String, _ source: String, _ version0: Bool, _ references: any ReferenceValueSource
    ) throws(RegoErrors) -> Policy {
        var options = CompileOptions()
        options.v0 = version0
        options.functions = Builtin.documents + Builtin.cryptography + [lookUp(references)]
        return try Policy.compile(modules: [(name: "\(identifier).rego", source: source)], options: options)
    }

    private static func lookUp(_ references: any ReferenceValueSource) -> Builtin {
        Builtin("query_reference_value", 1) { arguments, _ throws(Builtin.Failure) in
            guard case .string(let name)? = arguments.first else {
                throw .type("operand 1 must be string but got \(arguments.first?.typeName ?? "nothing")")
            }
            guard let value = references.value(named: name.string) else { return .null }
            return Value(value)
        }
    }

    /// Judges evidence that is authentic and bound to what was expected.
    public func trustVector(for input: AppraisalInput) throws(WireError) -> TrustVector {
        try judge(input.claims).trustVector
    }

    /// Judges the claims of verified evidence.
    ///
    /// - Parameter evidence: Annotated evidence: claims by technology, `report_data`, `init_data` and what they stand for.
    public func judge(_ evidence: JSONValue) throws(WireError) -> PolicyVerdict {
        let (claims, extensions) = try refusing { () throws(RegoError) in
            let input = Value(evidence)
            return (
                try trustClaims.value(input: input, limits: Self.limits()),
                try extensionList.value(input: input, limits: Self.limits())
            )
        }
        return PolicyVerdict(
            trustVector: try Self.vector(claims?.jsonValue()), extensions: try Self.extensions(extensions?.jsonValue()))
    }

    /// Why the trust claims are what they are, for the policy's owner: each rule body that was tried, and why a reference
    /// value that was asked for was not there.
    public func explain(_ evidence: JSONValue) throws(WireError) -> String {
        let (text, absent) = try noting { (claims) throws(RegoError) in
            try claims.explain(input: Value(evidence), limits: Self.limits()).text
        }
        return absent.isEmpty ? text : "\(text)\nreference values:\n  " + absent.joined(separator: "\n  ")
    }

    /// The reference values that the trust claims asked for and that are not there now, each with the reason.
    public func absentReferences(_ evidence: JSONValue) throws(WireError) -> [String] {
        try noting { (claims) throws(RegoError) in
            try claims.value(input: Value(evidence), limits: Self.limits())
        }.absent
    }

    /// An evaluation of the trust claims that remembers which reference values it asked for. It has a policy of its own: the
    /// other is asked by any number of threads.
    private func noting<Answer>(
        _ evaluation: (PreparedQuery) throws(RegoError) -> Answer
    ) throws(WireError) -> (answer: Answer, absent: [String]) {
        let asked = NotedReferenceValues(references)
        let claims: PreparedQuery
        do {
            claims = try Self.compile(identifier, source.text, source.isVersion0, asked)
                .prepare(query: "data.policy.trust_claims")
        } catch {
            throw WireError(field: "policy \(identifier)", reason: error.description)
        }
        let answer = try refusing { () throws(RegoError) in try evaluation(claims) }
        let absent = asked.names.compactMap { name in
            references.absence(of: name).map { "\(ShownText.cut(name, bytes: 512)): \($0)" }
        }
        return (answer, absent)
    }

    /// An evaluation whose errors refuse the evidence.
    private func refusing<Result>(_ evaluation: () throws(RegoError) -> Result) throws(WireError) -> Result {
        do throws(RegoError) {
            return try evaluation()
        } catch {
            throw WireError(field: "policy \(identifier)", reason: error.description)
        }
    }

    /// An undefined rule claims nothing.
    private static func vector(_ value: JSONValue?) throws(WireError) -> TrustVector {
        guard let value else { return TrustVector([:]) }
        guard let members = value.objectValue, !members.isEmpty else {
            throw WireError(field: "trust_claims", reason: "must be an object with at least one claim")
        }
        var claims: [TrustVector.Subject: Int8] = [:]
        for (name, value) in members {
            guard let subject = TrustVector.Subject(rawValue: name) else {
                let known = TrustVector.Subject.allCases.map(\.rawValue).joined(separator: ", ")
                throw WireError(field: "trust_claims.\(name)", reason: "is no trust claim; there are \(known)")
            }
            guard let number = value.integerValue, (-127...127).contains(number) else {
                throw WireError(field: "trust_claims.\(name)", reason: "must be a whole number from -127 to 127")
            }
            claims[subject] = Int8(number)
        }
        return TrustVector(claims)
    }

    private static func extensions(_ value: JSONValue?) throws(WireError) -> [PolicyExtension] {
        guard let value else { return [] }
        guard let elements = value.arrayValue, elements.count <= 64 else {
            throw WireError(field: "extensions", reason: "must be a list of at most 64")
        }
        var extensions: [PolicyExtension] = []
        for (index, element) in elements.enumerated() {
            var fields = try JSONFields(element, path: "extensions[\(index)]")
            let name = try fields.string("name")
            guard let key = Int32(exactly: try fields.integer("key")) else {
                throw fields.refusal("key", "must be a number of 32 bits")
            }
            extensions.append(PolicyExtension(name: name, key: key, value: try fields.value("value")))
            try fields.finish()
        }
        return extensions
    }
}

extension Value {
    /// A JSON document as policies see it; whole numbers of 64 bits stay exact.
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .number(Number(Int(number)))
        case .number(let number): self = Number(exactly: number).map { .number($0) } ?? .null
        case .string(let text): self = .string(text)
        case .array(let elements): self = .array(elements.map { Value($0) })
        case .object(let members):
            self = .object(ObjectValue(members.map { (key: .string($0.key), value: Value($0.value)) }))
        }
    }

    /// The value as a document; sets become lists.
    func jsonValue() throws(WireError) -> JSONValue { try JSONValue.parse(json()) }
}
