/// What rules see, and what they gave: every `with` makes a scope of its own, with its own memory.
final class Scope {
    var input: Value?
    var data: Value
    /// How high input and data are at most.
    var inputHeight = Height.source
    var dataHeight = Height.source
    /// Functions that are replaced here.
    var mocks: [Callee: Replacement] = [:]
    /// Paths below `data` that a `with` replaced: rules at or below them are hidden.
    var overrides: [[Value]] = []
    let parent: Scope?
    /// The values of rules, by group.
    var documents: [Memo]
    /// The results of functions, by a hash of their arguments; where calls have one hash, the first.
    private var calls: [Int: Call] = [:]
    /// The others.
    private var moreCalls: [Int: [Call]] = [:]
    /// The same scope without replaced functions: where replacements run.
    private var plain: Scope?

    enum Replacement {
        case value(Value, Int32)
        case callee(Callee)
    }

    enum Memo {
        case unknown
        case running
        case undefined
        case value(Value, Int32)
    }

    init(input: Value?, data: Value, groups: Int) {
        self.input = input
        self.data = data
        parent = nil
        documents = Array(repeating: .unknown, count: groups)
    }

    init(in parent: Scope) {
        inputHeight = parent.inputHeight
        dataHeight = parent.dataHeight
        input = parent.input
        data = parent.data
        mocks = parent.mocks
        overrides = parent.overrides
        self.parent = parent
        documents = Array(repeating: .unknown, count: parent.documents.count)
    }

    /// This scope without replaced functions.
    func withoutMocks() -> Scope {
        if let plain { return plain }
        let scope = Scope(in: self)
        scope.mocks = [:]
        plain = scope
        return scope
    }

    func hides(_ path: [Value]) -> Bool {
        overrides.contains { $0.count <= path.count && path.starts(with: $0) }
    }
}

/// A call that was made, and what it gave.
struct Call {
    let group: Int
    let arguments: [Value]
    let value: Value?
    let height: Int32
}

extension Scope {
    /// Calls with one hash that are remembered: whoever makes arguments collide gains nothing by it.
    private static let mostWithOneHash = 4

    /// What a function gave for these arguments, if it was called.
    func known(_ group: Int, _ arguments: UnsafeBufferPointer<Value>, _ hash: Int) -> Call? {
        guard let call = calls[hash] else { return nil }
        if call.isOf(group, arguments) { return call }
        return moreCalls[hash]?.first { $0.isOf(group, arguments) }
    }

    func remember(_ call: Call, _ hash: Int) {
        if calls[hash] == nil {
            calls[hash] = call
        } else if (moreCalls[hash]?.count ?? 0) + 1 < Self.mostWithOneHash {
            moreCalls[hash, default: []].append(call)
        }
    }
}

extension Call {
    fileprivate func isOf(_ group: Int, _ arguments: UnsafeBufferPointer<Value>) -> Bool {
        self.group == group && self.arguments.elementsEqual(arguments)
    }
}

/// A hash of a function's arguments that looks only at the surface: hashing a whole input would cost more than a call.
enum CallHash {
    static func hash(_ group: Int, _ arguments: UnsafeBufferPointer<Value>) -> Int {
        var hasher = Hasher()
        hasher.combine(group)
        for argument in arguments { combine(argument, into: &hasher, isMember: false) }
        return hasher.finalize()
    }

    private static func combine(_ value: Value, into hasher: inout Hasher, isMember: Bool) {
        switch value {
        case .null: hasher.combine(0)
        case .bool(let bool): hasher.combine(bool)
        case .number(let number): hasher.combine(number)
        case .string(let text): hasher.combine(text)
        case .array(let members): combine(members, 1, into: &hasher, isMember)
        case .set(let set): combine(set.members, 2, into: &hasher, isMember)
        case .object(let object): combine(object.values, 3, into: &hasher, isMember)
        }
    }

    private static func combine(_ values: [Value], _ kind: Int, into hasher: inout Hasher, _ isMember: Bool) {
        hasher.combine(kind)
        hasher.combine(values.count)
        if isMember { return }
        for index in 0..<min(values.count, 3) { combine(values[index], into: &hasher, isMember: true) }
    }
}
