/// A regular expression as instructions for a machine that follows all alternatives at once.
struct RegexProgram: Sendable {
    enum Operation: UInt8, Sendable {
        /// Takes a scalar of the set `argument`.
        case take
        /// Goes to `next`, and with less weight to `argument`.
        case split
        /// Goes on when the assertion `argument` holds.
        case check
        /// Notes the place in slot `argument`.
        case save
        case match
    }

    struct Instruction: Sendable {
        var operation: Operation
        var next: Int32 = -1
        var argument: Int32 = -1
    }

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [ScalarSet] = []
    /// The ASCII of each set, apart: to look at it counts no references.
    private var masks: [ScalarSet.Mask] = []
    private(set) var start = 0
    let slots: Int
    /// Bytes with which a match can begin; nil when a match can be empty or begins with an assertion (that of the text's
    /// begin apart, when all begin so).
    private(set) var firstBytes: [Bool]?
    /// Whether a match can only begin where the text begins.
    private(set) var isAnchored = false

    private var setNumbers: [ScalarSet: Int] = [:]
    private var characterNumbers = [Int32](repeating: -1, count: 128)

    static let largest = 100_000

    init(_ node: RegexNode, captures: Int, pattern: String) throws(RegexError) {
        slots = captures * 2
        // Built backwards: each part is told where to go on.
        let end = emit(.match)
        let body = try compile(.capture(node, index: 0), to: end)
        start = body
        guard instructions.count * slots <= 4 * Self.largest * 10, instructions.count <= Self.largest else {
            throw RegexError(code: .large, expression: pattern)
        }
        setNumbers = [:]
        characterNumbers = []
        findFirst()
    }

    /// Whether an instruction that takes a scalar takes this one.
    @inline(__always)
    func takes(_ instruction: Instruction, _ scalar: UInt32) -> Bool {
        let number = Int(instruction.argument)
        return scalar < 128 ? masks[number].contains(scalar) : sets[number].contains(scalar)
    }

    /// The number of a set; nearly all are one ASCII character.
    private mutating func number(_ set: ScalarSet) -> Int {
        let character = set.asciiCharacter
        if let character, characterNumbers[character] >= 0 { return Int(characterNumbers[character]) }
        if character == nil, let known = setNumbers[set] { return known }
        sets.append(set)
        masks.append(set.mask)
        if let character {
            characterNumbers[character] = Int32(truncatingIfNeeded: sets.count - 1)
        } else {
            setNumbers[set] = sets.count - 1
        }
        return sets.count - 1
    }

    private mutating func emit(_ operation: Operation, next: Int = -1, argument: Int = -1) -> Int {
        instructions.append(
            Instruction(
                operation: operation, next: Int32(truncatingIfNeeded: next),
                argument: Int32(truncatingIfNeeded: argument)))
        return instructions.count - 1
    }

    /// The first instruction of `node`, which goes on at `next`.
    private mutating func compile(_ node: RegexNode, to next: Int) throws(RegexError) -> Int {
        guard instructions.count <= Self.largest else { throw RegexError(code: .large, expression: "") }
        switch node {
        case .empty: return next
        case .set(let set): return emit(.take, next: next, argument: number(set))
        case .assertion(let assertion): return emit(.check, next: next, argument: Int(assertion.rawValue))
        case .capture(let node, let index):
            let close = emit(.save, next: next, argument: index * 2 + 1)
            let body = try compile(node, to: close)
            return emit(.save, next: body, argument: index * 2)
        case .concatenation(let nodes):
            var next = next
            for node in nodes.reversed() { next = try compile(node, to: next) }
            return next
        case .alternation(let nodes):
            var result: Int?
            for node in nodes.reversed() {
                let branch = try compile(node, to: next)
                result = result.map { emit(.split, next: branch, argument: $0) } ?? branch
            }
            return result ?? next
        case .repetition(let node, let minimum, let maximum, let isGreedy):
            return try compileRepetition(node, minimum, maximum, isGreedy, to: next)
        }
    }

    private mutating func compileRepetition(
        _ node: RegexNode, _ minimum: Int, _ maximum: Int?, _ isGreedy: Bool, to next: Int
    ) throws(RegexError) -> Int {
        if case .empty = node { return next }
        var result = next
        var copies = minimum
        if let maximum {
            // Optional ones inside each other: all of them leave to the same place.
            for _ in minimum..<max(minimum, maximum) {
                let body = try compile(node, to: result)
                result = split(body, next, isGreedy)
            }
        } else if minimum == 0, Self.canBeEmpty(node) {
            // (x+)? keeps the order of what is tried when x matches nothing.
            result = split(try loop(node, isGreedy, to: next), next, isGreedy)
        } else if minimum == 0 {
            let fork = emit(.split)
            let body = try compile(node, to: fork)
            set(fork, body, next, isGreedy)
            result = fork
        } else {
            result = try loop(node, isGreedy, to: next)
            copies -= 1
        }
        for _ in 0..<copies { result = try compile(node, to: result) }
        return result
    }

    /// One or more.
    private mutating func loop(_ node: RegexNode, _ isGreedy: Bool, to next: Int) throws(RegexError) -> Int {
        let fork = emit(.split)
        let body = try compile(node, to: fork)
        set(fork, body, next, isGreedy)
        return body
    }

    private mutating func split(_ body: Int, _ exit: Int, _ isGreedy: Bool) -> Int {
        let fork = emit(.split)
        set(fork, body, exit, isGreedy)
        return fork
    }

    private mutating func set(_ fork: Int, _ body: Int, _ exit: Int, _ isGreedy: Bool) {
        instructions[fork].next = Int32(truncatingIfNeeded: isGreedy ? body : exit)
        instructions[fork].argument = Int32(truncatingIfNeeded: isGreedy ? exit : body)
    }

    private static func canBeEmpty(_ node: RegexNode) -> Bool {
        switch node {
        case .empty, .assertion: true
        case .set: false
        case .capture(let node, _): canBeEmpty(node)
        case .concatenation(let nodes): nodes.allSatisfy(canBeEmpty)
        case .alternation(let nodes): nodes.contains(where: canBeEmpty)
        case .repetition(let node, let minimum, _, _): minimum == 0 || canBeEmpty(node)
        }
    }

    /// Finds out how matches can begin.
    private mutating func findFirst() {
        let (bytes, isAnchored) = beginnings(within: false)
        self.isAnchored = isAnchored
        firstBytes = isAnchored ? beginnings(within: true).bytes : bytes
    }

    /// The bytes with which matches can begin, and whether all begin with the begin of the text; `within` looks behind
    /// that.
    private func beginnings(within: Bool) -> (bytes: [Bool]?, isAnchored: Bool) {
        var bytes = [Bool](repeating: false, count: 256)
        var seen = [Bool](repeating: false, count: instructions.count)
        var open = [start]
        var (onlyAnchored, isOpen) = (true, false)
        while let place = open.popLast() {
            if seen[place] { continue }
            seen[place] = true
            let instruction = instructions[place]
            switch instruction.operation {
            case .save: open.append(Int(instruction.next))
            case .split: open += [Int(instruction.next), Int(instruction.argument)]
            case .check:
                let isBegin = instruction.argument == Int32(RegexAssertion.textBegin.rawValue)
                if !isBegin { onlyAnchored = false }
                if isBegin, within { open.append(Int(instruction.next)) } else { isOpen = true }
            case .match:
                isOpen = true
                onlyAnchored = false
            case .take:
                onlyAnchored = false
                let set = sets[Int(instruction.argument)]
                for value in 0..<128 where set.contains(UInt32(value)) { bytes[value] = true }
                if set.holdsMoreThanASCII { for value in 0xC2..<0xF5 { bytes[value] = true } }
            }
        }
        return (isOpen ? nil : bytes, onlyAnchored)
    }
}
