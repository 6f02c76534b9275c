/// A step as the machine reads it: frequent instructions without anything whose references would be counted each time.
/// What they list stands in the block's tables.
enum Step: BitwiseCopyable, Sendable {
    /// A part of one of the block's tables.
    struct List: BitwiseCopyable, Sendable {
        var start: Int32
        var count: Int32
    }

    case fail
    case input(List, into: Int32)
    case base(List, into: Int32)
    case rule(Int32, into: Int32)
    case path(Int32, List, into: Int32)
    case dot(Int32, Int32, into: Int32)
    case move(Int32, into: Int32)
    case same(Int32, Int32)
    case holds(Int32)
    case builtin(Int32, List, into: Int32)
    case function(Int32, List, into: Int32)
    case compare(Comparison, Int32, Int32)
    case compareInto(Comparison, Int32, Int32, into: Int32)
    case member(Int32, Int32)
    case isArray(Int32, count: Int32)
    case isObject(Int32, count: Int32)
    case element(Int32, Int32, into: Int32)
    case emitValue(Int32)
    case emitMember(Int32, once: Bool)
    case succeed
    /// Any other instruction.
    case other
}

/// Builds the steps of a block and the tables that they point into.
struct StepTables {
    var steps: [Step] = []
    /// Constant keys of paths.
    var keys: [Value] = []
    /// Arguments of calls.
    var operands: [Int32] = []

    init(_ code: [Instruction]) {
        steps.reserveCapacity(code.count)
        for instruction in code { steps.append(step(instruction)) }
    }

    private mutating func step(_ instruction: Instruction) -> Step {
        switch instruction {
        case .fail: .fail
        case .input(let path, let target): .input(list(path), into: short(target))
        case .base(let path, let target): .base(list(path), into: short(target))
        case .rule(let group, let target): .rule(short(group), into: short(target))
        case .path(let operand, let path, let target): .path(short(operand), list(path), into: short(target))
        case .dot(let operand, let key, let target): .dot(short(operand), short(key), into: short(target))
        case .move(let operand, let target): .move(short(operand), into: short(target))
        case .same(let left, let right): .same(short(left), short(right))
        case .holds(let operand): .holds(short(operand))
        case .builtin(let number, let arguments, let target):
            .builtin(short(number), list(arguments), into: short(target))
        case .function(let group, let arguments, let target):
            .function(short(group), list(arguments), into: short(target))
        case .compare(let comparison, let left, let right): .compare(comparison, short(left), short(right))
        case .compareInto(let comparison, let left, let right, let target):
            .compareInto(comparison, short(left), short(right), into: short(target))
        case .member(let value, let collection): .member(short(value), short(collection))
        case .isArray(let operand, let count): .isArray(short(operand), count: short(count))
        case .isObject(let operand, let count): .isObject(short(operand), count: short(count))
        case .element(let operand, let index, let target):
            .element(short(operand), short(index), into: short(target))
        case .emitValue(let operand): .emitValue(short(operand))
        case .emitMember(let operand, let once): .emitMember(short(operand), once: once)
        case .succeed: .succeed
        default: .other
        }
    }

    /// Slots, constants and groups are far fewer than this holds.
    private func short(_ value: Int) -> Int32 { Int32(value) }

    private mutating func list(_ path: [Value]) -> Step.List {
        keys += path
        return Step.List(start: short(keys.count - path.count), count: short(path.count))
    }

    private mutating func list(_ arguments: [Int]) -> Step.List {
        operands += arguments.map(short)
        return Step.List(start: short(operands.count - arguments.count), count: short(arguments.count))
    }
}

extension Block {
    /// The constant keys of a path.
    @inline(__always)
    func path<Result>(_ list: Step.List, _ body: (UnsafeBufferPointer<Value>) -> Result) -> Result {
        keys.withUnsafeBufferPointer { keys in
            let start = Int(list.start)
            return body(UnsafeBufferPointer(rebasing: keys[start..<(start + Int(list.count))]))
        }
    }
}
