/// One step of a body. Operands are slots of the frame (from 0) or, negative, constants of the program (`~index`).
///
/// A step that gives one value or none is done in place; a step that gives several (`scan`, `walk`, `document` with
/// free keys) runs the rest of the body once for each. A step that fails ends this run of the body.
indirect enum Instruction: Sendable {
    case fail
    /// The value at a path below `input`.
    case input([Value], into: Int)
    /// The value at a path of base data below which there are no rules.
    case base([Value], into: Int)
    /// The value of a rule.
    case rule(Int, into: Int)
    /// Everything below a node of the document tree.
    case document(Int, into: Int)
    /// A path through the document tree whose keys are not all constants.
    case walkDocuments(DocumentPath, into: Int)
    case path(Int, [Value], into: Int)
    case dot(Int, Int, into: Int)
    /// Every member of a collection; -1 where key or value are not wanted.
    case scan(Int, key: Int, value: Int)
    case move(Int, into: Int)
    case makeArray([Int], into: Int)
    case makeSet([Int], into: Int)
    case makeObject(keys: [Int], values: [Int], into: Int)
    case comprehend(ResolvedClosure.Shape, Block, into: Int)
    case template([TemplateCode], into: Int)
    /// An array (an object) of so many members; then its members can be taken apart.
    case isArray(Int, count: Int)
    case isObject(Int, count: Int)
    case element(Int, Int, into: Int)
    case same(Int, Int)
    case holds(Int)
    case builtin(Int, [Int], into: Int)
    case function(Int, [Int], into: Int)
    /// A call whose function a `with` may have replaced.
    case replaceable(Callee, [Int], into: Int)
    case compare(Comparison, Int, Int)
    case compareInto(Comparison, Int, Int, into: Int)
    /// Arithmetic on two numbers; what is not, goes to the builtin.
    case arithmetic(Arithmetic, Int, Int, builtin: Int, into: Int)
    /// Whether a value is a member of a collection, as a statement.
    case member(Int, Int)
    /// Every path and value in a value; -1 where one is not wanted.
    case walk(Int, path: Int, value: Int)
    case negate(Block)
    case every(Int, key: Int, value: Int, Block)
    case enter([ModifierCode])
    case leave
    case print([Block])
    /// What a finished body gives.
    case emitValue(Int)
    /// With `once` a second solution would give the same again: the body ends.
    case emitMember(Int, once: Bool)
    case emitPair(Int, Int, once: Bool)
    case emitPath([Int], Int, contains: Bool, once: Bool)
    case emitRow([Int])
    case succeed
}

/// The comparisons, all total over all values.
enum Comparison: Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    init?(_ name: String) {
        switch name {
        case "equal": self = .equal
        case "neq": self = .notEqual
        case "lt": self = .less
        case "lte": self = .lessOrEqual
        case "gt": self = .greater
        case "gte": self = .greaterOrEqual
        default: return nil
        }
    }

    @inline(__always)
    func holds(_ order: Int) -> Bool {
        switch self {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
    }
}

/// The arithmetic that is done without a call when both operands are numbers.
enum Arithmetic: Sendable {
    case plus, minus, times

    init?(_ name: String) {
        switch name {
        case "plus": self = .plus
        case "minus": self = .minus
        case "mul": self = .times
        default: return nil
        }
    }
}

/// A part of a template string.
enum TemplateCode: Sendable {
    case text(String)
    case term(Block)
}

/// `with target as value`, ready to run.
struct ModifierCode: Sendable {
    enum Replacement: Sendable {
        case value(Int)
        case callee(Callee)
    }

    var target: ResolvedModifier.Target
    var replacement: Replacement
}

/// A path through the document tree: the node where it starts, and the keys from there.
final class DocumentPath: Sendable {
    enum Key: Sendable {
        case ground(Int)
        case bind(Int)
    }

    let node: Int
    let keys: [Key]

    init(node: Int, keys: [Key]) {
        self.node = node
        self.keys = keys
    }
}

/// Steps that run one after the other.
final class Block: Sendable {
    let code: [Instruction]
    /// Which of `expressions` each step came from.
    let origins: [Int32]
    let expressions: [Location]
    /// The same as the machine reads it.
    let steps: [Step]
    let keys: [Value]
    let operands: [Int32]

    init(code: [Instruction], origins: [Int32], expressions: [Location]) {
        self.code = code
        self.origins = origins
        self.expressions = expressions
        let tables = StepTables(code)
        steps = tables.steps
        keys = tables.keys
        operands = tables.operands
    }
}
