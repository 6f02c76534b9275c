/// Asks only whether there is a match: Pike's machine without captures, in scratch memory of one allocation.
struct RegexSearch {
    /// Places in the program, each once.
    private struct Places {
        let list: UnsafeMutablePointer<Int32>
        let sparse: UnsafeMutablePointer<Int32>
        var count = 0

        @inline(__always)
        func contains(_ place: Int32) -> Bool {
            let index = Int(sparse[Int(place)])
            return index < count && list[index] == place
        }

        @inline(__always)
        mutating func append(_ place: Int32) {
            sparse[Int(place)] = Int32(truncatingIfNeeded: count)
            list[count] = place
            count += 1
        }
    }

    private let program: RegexProgram
    private let text: UnsafeBufferPointer<UInt8>
    private var current: Places
    private var next: Places
    /// Places that are still to be followed: each of the program is followed once, and leaves at most two behind.
    private let stack: UnsafeMutablePointer<Int32>
    private var work = 0

    /// How many numbers a search in a program needs.
    private static func room(_ count: Int) -> Int { 5 * count + 2 }

    private init(_ program: RegexProgram, _ text: UnsafeBufferPointer<UInt8>, _ scratch: UnsafeMutablePointer<Int32>) {
        self.program = program
        self.text = text
        let count = program.instructions.count
        current = Places(list: scratch, sparse: scratch + count)
        next = Places(list: scratch + 2 * count, sparse: scratch + 3 * count)
        stack = scratch + 4 * count
    }

    /// Whether a text holds a match.
    static func isMatch(
        _ program: RegexProgram, _ text: String, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> Bool {
        var text = text
        let result = text.withUTF8 { text in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: room(program.instructions.count)) { scratch in
                scratch.initialize(repeating: 0)
                guard let base = scratch.baseAddress else { return Result<Bool, Builtin.Failure>.success(false) }
                var search = RegexSearch(program, text, base)
                do throws(Builtin.Failure) {
                    return .success(try search.run(charge))
                } catch {
                    return .failure(error)
                }
            }
        }
        return try result.get()
    }

    private mutating func run(_ charge: (Int) throws(Builtin.Failure) -> Void) throws(Builtin.Failure) -> Bool {
        var index = 0
        while true {
            if current.count == 0 {
                if program.isAnchored, index > 0 { return false }
                if let first = program.firstBytes {
                    if !program.isAnchored { while index < text.count, !first[Int(text[index])] { index += 1 } }
                    guard index < text.count, first[Int(text[index])] else { return false }
                }
            }
            if index == 0 || !program.isAnchored, add(Int32(truncatingIfNeeded: program.start), index, isNext: false) {
                return true
            }
            let (scalar, width) = RegexMachine.decode(text, index)
            work += current.count + 1
            if width == 0 { return false }
            next.count = 0
            for number in 0..<current.count {
                let instruction = program.instructions[Int(current.list[number])]
                guard instruction.operation == .take, program.takes(instruction, scalar) else { continue }
                if add(instruction.next, index + width, isNext: true) { return true }
            }
            index += width
            swap(&current, &next)
            if work > 1 << 10 {
                try charge(work * 8)
                work = 0
            }
        }
    }

    /// Follows everything that takes no scalar; whether it leads to a match.
    private mutating func add(_ place: Int32, _ index: Int, isNext: Bool) -> Bool {
        var places = isNext ? next : current
        defer { if isNext { next = places } else { current = places } }
        stack[0] = place
        var open = 1
        while open > 0 {
            open -= 1
            let place = stack[open]
            if places.contains(place) { continue }
            places.append(place)
            work += 1
            let instruction = program.instructions[Int(place)]
            switch instruction.operation {
            case .match: return true
            case .take: break
            case .split:
                stack[open] = instruction.argument
                stack[open + 1] = instruction.next
                open += 2
            case .check:
                let assertion = RegexAssertion(rawValue: UInt8(truncatingIfNeeded: instruction.argument))
                if RegexMachine.holds(assertion, text, index) {
                    stack[open] = instruction.next
                    open += 1
                }
            case .save:
                stack[open] = instruction.next
                open += 1
            }
        }
        return false
    }
}
