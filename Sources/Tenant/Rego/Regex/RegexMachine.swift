/// Runs a program over UTF-8 in time proportional to program and text, whatever the pattern (Pike's machine).
struct RegexMachine {
    /// Places in the program, in order of weight, each once; and what each has captured.
    private struct Threads {
        var places: [Int32] = []
        var sparse: [Int32]
        var captures: [Int]

        init(_ count: Int, _ slots: Int) {
            sparse = [Int32](repeating: 0, count: count)
            captures = [Int](repeating: -1, count: count * slots)
            places.reserveCapacity(count)
        }

        func contains(_ place: Int32) -> Bool {
            let index = Int(sparse[Int(place)])
            return index < places.count && places[index] == place
        }
    }

    private enum Task {
        case visit(Int32)
        case restore(slot: Int, value: Int)
    }

    private let program: RegexProgram
    private let text: [UInt8]
    /// How many slots are kept.
    private let slots: Int
    /// Kept from run to run; a run takes them out.
    private var spare: (Threads, Threads)
    private var scratch: [Int]
    private var stack: [Task] = []
    private var work = 0

    init(_ program: RegexProgram, _ text: [UInt8]) {
        self.program = program
        self.text = text
        slots = program.slots
        let count = program.instructions.count
        spare = (Threads(count, slots), Threads(count, slots))
        scratch = [Int](repeating: -1, count: slots)
    }

    /// The first match at or after `from`: the slots (-1 where nothing was captured), or nil.
    mutating func run(
        from: Int, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> [Int]? {
        var matched: [Int]?
        var index = from
        var (current, next) = spare
        spare = (Threads(0, 0), Threads(0, 0))
        defer { spare = (current, next) }
        current.places.removeAll(keepingCapacity: true)
        while true {
            if current.places.isEmpty {
                if matched != nil || program.isAnchored && index > 0 { break }
                if let first = program.firstBytes {
                    if !program.isAnchored { while index < text.count, !first[Int(text[index])] { index += 1 } }
                    guard index < text.count, first[Int(text[index])] else { break }
                }
            }
            if matched == nil {
                for slot in 0..<slots { scratch[slot] = -1 }
                add(Int32(truncatingIfNeeded: program.start), index, to: &current)
            }
            let (scalar, width) = text.withUnsafeBufferPointer { Self.decode($0, index) }
            next.places.removeAll(keepingCapacity: true)
            work += current.places.count + 1
            steps: for place in current.places {
                let instruction = program.instructions[Int(place)]
                switch instruction.operation {
                case .match:
                    let base = Int(place) * slots
                    matched = Array(current.captures[base..<(base + slots)])
                    break steps
                case .take:
                    if width > 0, program.takes(instruction, scalar) {
                        let base = Int(place) * slots
                        for slot in 0..<slots { scratch[slot] = current.captures[base + slot] }
                        add(instruction.next, index + width, to: &next)
                    }
                default: break
                }
            }
            if width == 0 { break }
            index += width
            swap(&current, &next)
            if work > 1 << 10 {
                try charge(work * 8)
                work = 0
            }
        }
        return matched
    }

    /// Follows everything that takes no scalar; `scratch` holds the captures.
    private mutating func add(_ place: Int32, _ index: Int, to threads: inout Threads) {
        stack.append(.visit(place))
        while let task = stack.popLast() {
            guard case .visit(let place) = task else {
                if case .restore(let slot, let value) = task { scratch[slot] = value }
                continue
            }
            if threads.contains(place) { continue }
            work += 1
            threads.sparse[Int(place)] = Int32(truncatingIfNeeded: threads.places.count)
            threads.places.append(place)
            let instruction = program.instructions[Int(place)]
            switch instruction.operation {
            case .take, .match:
                let base = Int(place) * slots
                for slot in 0..<slots { threads.captures[base + slot] = scratch[slot] }
            case .split:
                stack.append(.visit(instruction.argument))
                stack.append(.visit(instruction.next))
            case .check:
                let assertion = RegexAssertion(rawValue: UInt8(truncatingIfNeeded: instruction.argument))
                if text.withUnsafeBufferPointer({ Self.holds(assertion, $0, index) }) {
                    stack.append(.visit(instruction.next))
                }
            case .save:
                let slot = Int(instruction.argument)
                if slot < slots {
                    stack.append(.restore(slot: slot, value: scratch[slot]))
                    scratch[slot] = index
                }
                stack.append(.visit(instruction.next))
            }
        }
    }

    static func holds(_ assertion: RegexAssertion?, _ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
        switch assertion {
        case .textBegin: index == 0
        case .textEnd: index == text.count
        case .lineBegin: index == 0 || text[index - 1] == 10
        case .lineEnd: index == text.count || text[index] == 10
        case .wordBoundary: isWord(text, index - 1) != isWord(text, index)
        case .noWordBoundary: isWord(text, index - 1) == isWord(text, index)
        case nil: false
        }
    }

    private static func isWord(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
        index >= 0 && index < text.count && (ASCII.isAlphanumeric(text[index]) || text[index] == 95)
    }

    /// The scalar at `index` and its length in bytes, which is 0 at the end.
    @inline(__always)
    static func decode(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> (UInt32, Int) {
        guard index < text.count else { return (0, 0) }
        let first = UInt32(text[index])
        if first < 0x80 { return (first, 1) }
        let width = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        guard index + width <= text.count else { return (0xFFFD, text.count - index) }
        var value = first & (0xFF >> UInt32(width + 1))
        for offset in 1..<width { value = value << 6 | UInt32(text[index + offset]) & 0x3F }
        return (value, width)
    }
}
