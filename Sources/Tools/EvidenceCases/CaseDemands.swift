import WireFormat

/// What a case demands beside authenticity. Each demand is taken once; those that nobody took are an error, because a demand
/// that is passed over would make the verdict worth less than it says.
struct CaseDemands {
    private var policy: JSONFields
    private var values: [String: JSONValue]
    private let params: JSONValue

    /// How the names of parameters begin that demand something.
    private static let demanding = ["expect", "forbid", "max", "min", "nonce", "policy", "product", "require", "trust"]

    /// Reads the demands of a case.
    ///
    /// - Parameters:
    ///   - known: The case.
    ///   - names: The demanding parameters that are looked at, by the caller or here; any other is refused.
    init(_ known: EvidenceCase, lookingAt names: Set<String>) throws(WireError) {
        params = known.params
        let members = params.objectValue ?? [:]
        let given = members.filter { $0.value != .null }.keys
        let passedOver = given.filter { name in !names.contains(name) && Self.demanding.contains { name.hasPrefix($0) }
        }
        if let name = passedOver.min() {
            throw WireError(field: ShownText.cut(name, bytes: 64), reason: "is demanded, and nothing here checks it")
        }
        let demands = members["policy"] ?? .null
        policy = try JSONFields(demands == .null ? .object([:]) : demands, path: "policy")
        let expected = policy.optionalValue("expect") ?? .object([:])
        guard let expected = expected.objectValue else { throw policy.refusal("expect", "must be an object") }
        values = expected.filter { $0.value != .null }
        // The report data may also be a parameter of its own.
        if let data = members["expected_report_data"], data != .null { try add(data, "report_data") }
    }

    /// Whether the guest may be open to debugging.
    mutating func allowsDebug() throws(WireError) -> Bool {
        var parameter = try JSONFields(["allow_debug": params["allow_debug"] ?? .null], path: "")
        let isAllowed = try parameter.bool("allow_debug", default: false)
        return try policy.bool("allow_debug", default: isAllowed)
    }

    /// Takes a truth value of the policy; absent means false.
    mutating func flag(_ name: String) throws(WireError) -> Bool { try policy.bool(name, default: false) }

    /// Takes a number of the policy that an `Integer` can hold.
    mutating func number<Integer: FixedWidthInteger>(_ name: String) throws(WireError) -> Integer? {
        try Self.number(name, &policy)
    }

    /// Takes a text of the policy.
    mutating func text(_ name: String) throws(WireError) -> String? { try policy.optionalString(name) }

    /// Takes the numbers of an object of the policy, of which only those with these names may be there.
    mutating func numbers(_ name: String, of names: [String]) throws(WireError) -> [String: UInt8]? {
        guard var fields = try policy.optionalFields(name) else { return nil }
        var numbers: [String: UInt8] = [:]
        for name in names { numbers[name] = try Self.number(name, &fields) }
        try fields.finish()
        return numbers
    }

    /// Takes the values that members of the evidence must have: those in `expect`, and those with these names in the policy.
    mutating func expected(_ names: [String]) throws(WireError) -> [String: JSONValue] {
        for name in names {
            if let value = policy.optionalValue(name) { try add(value, name) }
        }
        defer { values = [:] }
        return values
    }

    /// Ends the reading; demands that nobody took are an error. To be allowed what nobody forbids is no demand.
    mutating func finish() throws(WireError) {
        for name in policy.remainingKeys where name.hasPrefix("allow_") {
            guard try policy.bool(name) else { throw policy.refusal(name, "is demanded, and nothing here checks it") }
        }
        try policy.finish()
    }

    /// A value that is demanded twice must be the same.
    private mutating func add(_ value: JSONValue, _ name: String) throws(WireError) {
        if let other = values.updateValue(value, forKey: name), other != value {
            throw policy.refusal(name, "is demanded twice and differs")
        }
    }

    private static func number<Integer: FixedWidthInteger>(
        _ name: String, _ fields: inout JSONFields
    ) throws(WireError) -> Integer? {
        guard let value = try fields.optionalInteger(name) else { return nil }
        guard let number = Integer(exactly: value) else {
            throw fields.refusal(name, "must be from \(Integer.min) to \(Integer.max)")
        }
        return number
    }
}
