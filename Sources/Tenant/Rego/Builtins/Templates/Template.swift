/// A text with actions in `{{` and `}}`, of the kind Go's `text/template` reads.
///
/// There are variables, fields, constants, pipelines, `if`, `range`, `with`, `break`, `continue`, comments, trimming and
/// the functions that compare and combine. There are no templates within templates.
struct Template {
    struct Problem: Error {
        let message: String

        init(_ message: String) { self.message = "template: template: \(message)" }
    }

    indirect enum Node {
        case text(String)
        case action(Pipeline)
        case branch(Branch, Pipeline, [Node], otherwise: [Node])
        case leave(isContinue: Bool)
    }

    enum Branch: String {
        case condition = "if"
        case range
        case with
    }

    /// Variables that are set, and commands of which each gets the result of the one before.
    struct Pipeline {
        var variables: [String] = []
        var isAssignment = false
        var commands: [[Operand]] = []
    }

    /// A word of a command, with the fields taken of it.
    struct Operand {
        enum Base {
            case dot
            case variable(String)
            case function(String)
            case constant(TemplateValue)
            case pipeline(Pipeline)
        }

        var base: Base
        var fields: [String] = []
    }

    /// How deep actions may be nested.
    static let nesting = 64

    let nodes: [Node]
}

/// What a template reckons with. Numbers of the data are texts to it, as they are to OPA's.
enum TemplateValue {
    case value(Value)
    case int(Int)
    case float(Double)
    case missing

    /// Whether an `if` holds: not for what is empty.
    var holds: Bool {
        switch self {
        case .missing, .value(.null): false
        case .int(let int): int != 0
        case .float(let float): float != 0
        case .value(.bool(let flag)): flag
        case .value(.number): true
        case .value(.string(let text)): !text.string.isEmpty
        case .value(.array(let members)): !members.isEmpty
        case .value(.object(let object)): object.count > 0
        case .value(.set(let set)): set.count > 0
        }
    }

    /// As Go prints it.
    var text: String {
        switch self {
        case .missing: "<undefined>"
        case .int(let int): "\(int)"
        case .float(let float): Number(exactly: float)?.description ?? "\(float)"
        case .value(let value): Self.text(value, isInner: false)
        }
    }

    private static func text(_ value: Value, isInner: Bool) -> String {
        switch value {
        case .null: isInner ? "<nil>" : "<no value>"
        case .bool(let flag): "\(flag)"
        case .number(let number): number.description
        case .string(let text): text.string
        case .array(let members): "[\(members.map { Self.text($0, isInner: true) }.joined(separator: " "))]"
        case .set(let set): "[\(set.members.map { Self.text($0, isInner: true) }.joined(separator: " "))]"
        case .object(let object):
            "map["
                + zip(object.keys, object.values).map {
                    "\(Self.text($0, isInner: true)):\(Self.text($1, isInner: true))"
                }.joined(separator: " ") + "]"
        }
    }
}
