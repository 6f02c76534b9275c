import WireFormat

/// Where attestation policies look up what they compare claims with (`query_reference_value`).
public protocol ReferenceValueSource: Sendable {
    /// The value that is known by a name now; nil when there is none, or when it has expired.
    func value(named name: String) -> JSONValue?

    /// Why there is no value by a name now; nil when there is one. For explanations.
    func absence(of name: String) -> String?
}

extension ReferenceValueSource {
    /// That there is no value, for sources that know nothing more.
    public func absence(of name: String) -> String? { value(named: name) == nil ? "has no value" : nil }
}

/// Reference values by name that do not change.
public struct FixedReferenceValues: ReferenceValueSource {
    private let values: [String: JSONValue]

    /// Takes values by name.
    public init(_ values: [String: JSONValue]) { self.values = values }

    /// The value by its name.
    public func value(named name: String) -> JSONValue? { values[name] }
}
