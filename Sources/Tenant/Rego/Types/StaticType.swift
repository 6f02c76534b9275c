/// What is known of a term's values before anything is evaluated, as the type checker infers it. Where nothing is known
/// at all, there is no type (an optional that is nil).
indirect enum StaticType: Sendable {
    case null, boolean, number, string
    /// The members at the first places, and the type of all that may follow.
    case array([StaticType?], rest: StaticType?)
    /// The values at known keys, in the keys' order, and the types of all other keys and values.
    case object([(key: Value, value: StaticType?)], rest: Pair?)
    case set(StaticType?)
    /// One of several, in order, each once; of none: anything.
    case any([StaticType])

    /// The types of keys and values beyond the known ones.
    struct Pair: Sendable {
        var key: StaticType?
        var value: StaticType?
    }

    /// Any value.
    static let anything = StaticType.any([])
    static let anyObject = StaticType.object([], rest: Pair(key: anything, value: anything))

    var isAnything: Bool { if case .any(let types) = self { types.isEmpty } else { false } }

    /// How many parts a type may have: what is larger counts as anything, so that types cannot grow without bound.
    private static let largest = 200

    /// The type, or anything when it is too large.
    var bounded: StaticType {
        var room = Self.largest
        Self.measure(self, &room)
        return room < 0 ? .anything : self
    }

    private static func measure(_ type: StaticType?, _ room: inout Int) {
        room -= 1
        guard room >= 0, let type else { return }
        switch type {
        case .null, .boolean, .number, .string: break
        case .array(let members, let rest):
            for member in members { measure(member, &room) }
            measure(rest, &room)
        case .object(let members, let rest):
            for (_, value) in members { measure(value, &room) }
            if let rest {
                measure(rest.key, &room)
                measure(rest.value, &room)
            }
        case .set(let member): measure(member, &room)
        case .any(let types): for type in types { measure(type, &room) }
        }
    }

    /// The type of a constant.
    static func of(_ value: Value) -> StaticType {
        switch value {
        case .null: return .null
        case .bool: return .boolean
        case .number: return .number
        case .string: return .string
        case .array(let members):
            if members.count > largest { return .anything }
            return StaticType.array(members.map { of($0) }, rest: members.isEmpty ? .anything : nil).bounded
        case .object(let object):
            if object.count > largest { return .anything }
            if object.count == 0 { return anyObject }
            return StaticType.object(zip(object.keys, object.values).map { (key: $0, value: of($1)) }, rest: nil)
                .bounded
        case .set(let set):
            if set.count > largest { return .set(.anything) }
            return StaticType.set(set.members.reduce(nil) { union($0, of($1)) } ?? .anything).bounded
        }
    }

    /// Whether something about it is not known.
    static func isUnknown(_ type: StaticType?) -> Bool {
        switch type {
        case nil: true
        case .null, .boolean, .number, .string, .any: false
        case .array(let members, let rest): members.contains { isUnknown($0) } || rest.map { isUnknown($0) } ?? false
        case .object(let members, let rest):
            members.contains { isUnknown($0.value) } || rest.map { isUnknown($0.key) || isUnknown($0.value) } ?? false
        case .set(let member): isUnknown(member)
        }
    }
}

extension StaticType: CustomStringConvertible {
    /// As OPA writes it: `array<number>[any]`, `object<a: string>[string: any]`, `any<number, string>`.
    var description: String {
        switch self {
        case .null: return "null"
        case .boolean: return "boolean"
        case .number: return "number"
        case .string: return "string"
        case .array(let members, let rest):
            let fixed = members.isEmpty ? "" : "<\(members.map(Self.text).joined(separator: ", "))>"
            return "array\(fixed)\(rest.map { "[\($0)]" } ?? "")"
        case .object(let members, let rest):
            let texts = members.map { "\(Self.text($0.key)): \(Self.text($0.value))" }
            let fixed = texts.isEmpty ? "" : "<\(texts.joined(separator: ", "))>"
            return "object\(fixed)\(rest.map { "[\(Self.text($0.key)): \(Self.text($0.value))]" } ?? "")"
        case .set(let member): return "set[\(Self.text(member))]"
        case .any(let types): return types.isEmpty ? "any" : "any<\(types.map(\.description).joined(separator: ", "))>"
        }
    }

    static func text(_ type: StaticType?) -> String { type?.description ?? "???" }

    private static func text(_ key: Value) -> String {
        if case .string(let text) = key { text.string } else { key.text }
    }
}
