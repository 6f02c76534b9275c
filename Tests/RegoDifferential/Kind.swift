/// The type that a generated term is meant to have.
indirect enum Kind: Hashable, Sendable {
    case integer
    /// Any number.
    case number
    case string
    case bool
    case array(Kind)
    case set(Kind)
    /// Keys are strings.
    case object(Kind)
    /// `{"name": string, "age": integer, "roles": [string]}`, as input and data hold them.
    case person

    /// What members of a collection are.
    var member: Kind? {
        switch self {
        case .array(let member), .set(let member), .object(let member): member
        default: nil
        }
    }

    /// What the keys of a collection are.
    var key: Kind? {
        switch self {
        case .array: .integer
        case .set(let member): member
        case .object: .string
        default: nil
        }
    }

    /// Whether a value of that kind can stand where this kind is wanted.
    func admits(_ other: Kind) -> Bool { self == other || (self == .number && other == .integer) }
}

/// Something with a name that has a value: a variable, a rule, a path into input or data.
struct Source: Sendable {
    var text: String
    var kind: Kind
    /// Whether its value is there in every evaluation.
    var isCertain = true
    /// The construct that using it counts for.
    var construct: String
}

/// A function that the policy defines.
struct Function {
    var name: String
    var arguments: [Kind]
    var result: Kind
    /// Whether some clause holds for every argument.
    var isTotal: Bool
}
