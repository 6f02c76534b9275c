/// The types of a function's arguments and of its result.
struct FunctionType: Sendable {
    var arguments: [StaticType?]
    /// nil is: not known.
    var result: StaticType?
    /// The names that a builtin's documentation gives its arguments and, last, its result.
    var names: [String] = []

    /// What a call may look like, in OPA's words: `(x: number, y: number, z: number)`.
    func text(withResult: Bool) -> String {
        var types = arguments
        if withResult { types.append(result) }
        let texts = types.enumerated().map { place, type in
            let name = place < names.count ? names[place] : ""
            return (name.isEmpty ? "" : name + ": ") + StaticType.text(type)
        }
        return "(\(texts.joined(separator: ", ")))"
    }

    /// Of two definitions of one function.
    func union(_ other: FunctionType) -> FunctionType {
        FunctionType(
            arguments: zip(arguments, other.arguments).map { $0 == nil || $1 == nil ? nil : StaticType.union($0, $1) },
            result: result == nil || other.result == nil ? nil : StaticType.union(result, other.result))
    }
}

/// The declarations of the built-in functions.
enum Declarations {
    /// By name.
    static let all: [String: FunctionType] = {
        var types: [String: FunctionType] = [:]
        for text in [values, strings, documents, cryptography] {
            for line in text.split(separator: "\n") {
                var reader = DeclarationReader(line)
                if let (name, type) = reader.declaration() { types[name] = type }
            }
        }
        return types
    }()
}

/// Reads `name(x: number, array[any]) y: string`: types as OPA prints them, with names or without.
struct DeclarationReader {
    private var rest: Substring

    init(_ text: Substring) { rest = text }

    mutating func declaration() -> (String, FunctionType)? {
        let name = rest.prefix { $0 != "(" }
        rest = rest.dropFirst(name.count + 1)
        var type = FunctionType(arguments: [], result: nil)
        while rest.first != ")" {
            guard !rest.isEmpty else { return nil }
            let (label, argument) = named()
            type.names.append(label)
            type.arguments.append(argument)
            _ = take(", ")
        }
        rest = rest.dropFirst(2)
        let (label, result) = named()
        type.names.append(label)
        type.result = result
        return (String(name), type)
    }

    private mutating func take(_ text: String) -> Bool {
        guard rest.hasPrefix(text) else { return false }
        rest = rest.dropFirst(text.count)
        return true
    }

    private mutating func named() -> (String, StaticType) {
        let label = rest.prefix { $0 != ":" && $0 != "," && $0 != ")" && $0 != "[" && $0 != "<" }
        let isNamed = rest.dropFirst(label.count).hasPrefix(": ")
        if isNamed { rest = rest.dropFirst(label.count + 2) }
        return (isNamed ? String(label) : "", type())
    }

    private mutating func type() -> StaticType {
        let word = rest.prefix { $0.isLetter }
        rest = rest.dropFirst(word.count)
        switch word {
        case "null": return .null
        case "boolean": return .boolean
        case "number": return .number
        case "string": return .string
        case "set": return .set(inner("[", "]").first ?? .anything)
        case "array": return .array(inner("<", ">"), rest: inner("[", "]").first)
        case "object": return object()
        default:
            return inner("<", ">").reduce(nil) { StaticType.union($0, $1) } ?? .anything
        }
    }

    private mutating func inner(_ open: String, _ close: String) -> [StaticType] {
        guard take(open) else { return [] }
        var types: [StaticType] = []
        while !rest.isEmpty, !take(close) {
            types.append(type())
            _ = take(", ")
        }
        return types
    }

    private mutating func object() -> StaticType {
        var members: [(key: Value, value: StaticType?)] = []
        if take("<") {
            while !rest.isEmpty, !take(">") {
                let key = rest.prefix { $0 != ":" }
                rest = rest.dropFirst(key.count + 2)
                members.append((key: .string(String(key)), value: type()))
                _ = take(", ")
            }
        }
        members.sort { $0.key < $1.key }
        guard take("[") else { return .object(members, rest: nil) }
        let key = type()
        _ = take(": ")
        let value = type()
        _ = take("]")
        return .object(members, rest: StaticType.Pair(key: key, value: value))
    }
}
