import Fuzzing

/// Changes cases with an eye for what they are made of: tokens, lines, calls, documents.
struct Mutator {
    var random: Xorshift

    init(seed: UInt32) { random = Xorshift(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1) }

    /// Another input of `room` bytes at most.
    mutating func mutate(_ bytes: [UInt8], room: Int) -> [UInt8] {
        if random.chance(1, in: 12) { return ByteMutation.mutate(bytes, room: room) }
        var test = FuzzCase(decoding: bytes)
        for _ in 0...random.below(4) { edit(&test, room: room) }
        let changed = test.encoded
        return changed.count <= room ? changed : ByteMutation.mutate(bytes, room: room)
    }

    /// The first input with parts of the second.
    mutating func cross(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        var test = FuzzCase(decoding: first)
        let other = FuzzCase(decoding: second)
        switch random.below(6) {
        case 0: test.modules += other.modules
        case 1: (test.data, test.input) = (other.data, other.input)
        case 2: test.query = other.query
        default:
            guard let donor = random.pick(other.modules + [other.query]), !test.modules.isEmpty else { break }
            let index = random.below(test.modules.count)
            var tokens = Tokens(test.modules[index])
            tokens.insert(Tokens(donor).piece(&random), at: random.below(tokens.count + 1))
            test.modules[index] = tokens.bytes
        }
        return test.encoded
    }

    private mutating func edit(_ test: inout FuzzCase, room: Int) {
        switch random.below(20) {
        case 0: test.flags.formSymmetricDifference(FuzzCase.Flags(rawValue: 1 << UInt8(random.below(6))))
        case 1, 2: test.data = document(test.data)
        case 3, 4: test.input = document(test.input)
        case 5: test.query = source(test.query)
        case 6, 7: test.query = Array(call().utf8)
        case 8 where test.modules.count > 1: test.modules.remove(at: random.below(test.modules.count))
        case 9:
            guard let index = test.modules.indices.randomElement(using: &random) else { break }
            test.modules[index] = lines(test.modules[index])
        default:
            guard !test.modules.isEmpty else {
                test.modules = [Array("package p\n\(Fragments.anyRule(&random))\n".utf8)]
                return
            }
            let index = random.below(test.modules.count)
            test.modules[index] = source(test.modules[index])
        }
    }

    /// A call of a builtin with arguments that it may not expect.
    private mutating func call() -> String {
        let builtin = Fragments.builtins[random.below(Fragments.builtins.count)]
        let arity = builtin.arity < 0 ? random.below(4) : random.chance(1, in: 50) ? random.below(5) : builtin.arity
        let arguments = (0..<arity).map { _ in Fragments.value(&random) }
        return "\(random.chance(1, in: 2) ? "x := " : "")\(builtin.name)(\(arguments.joined(separator: ", ")))"
    }

    private mutating func document(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.isEmpty || random.chance(1, in: 10) { return Array(Fragments.document(&random).utf8) }
        var tokens = Tokens(bytes)
        change(&tokens, with: Array(Fragments.json(&random).utf8))
        return tokens.bytes
    }

    private mutating func source(_ bytes: [UInt8]) -> [UInt8] {
        var tokens = Tokens(bytes)
        let piece = random.chance(1, in: 6) ? call() : Fragments.piece(&random)
        change(&tokens, with: Array(piece.utf8))
        return tokens.bytes
    }

    /// Lines dropped, doubled or moved.
    private mutating func lines(_ bytes: [UInt8]) -> [UInt8] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let (from, to) = (random.below(lines.count), random.below(lines.count))
        switch random.below(4) {
        case 0: lines.remove(at: from)
        case 1: lines.insert(lines[from], at: to)
        case 2: lines.swapAt(from, to)
        default: lines.insert(ArraySlice(Fragments.anyRule(&random).utf8), at: to)
        }
        return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
    }

    /// One change of a list of tokens; `piece` is what may be put in.
    private mutating func change(_ tokens: inout Tokens, with piece: [UInt8]) {
        let range = tokens.range(&random)
        switch random.below(12) {
        case 0: tokens.remove(range)
        case 1: tokens.insert(tokens.bytes(range), at: range.upperBound)
        case 2: tokens.insert(tokens.bytes(range), at: random.below(tokens.count + 1))
        case 3: tokens.swap(random.below(max(tokens.count, 1)), random.below(max(tokens.count, 1)))
        case 4, 5, 6: tokens.replaceOne(&random)
        case 7: tokens.insert(piece, at: range.lowerBound)
        case 8:
            tokens.remove(range)
            tokens.insert(piece, at: range.lowerBound)
        case 9, 10:
            let (before, after) = Fragments.nest(&random)
            // Mostly once; now and then as deep as the room is.
            let times = random.chance(1, in: 12) ? 1 << random.below(9) : 1
            tokens.insert(Array(String(repeating: after, count: times).utf8), at: range.upperBound)
            tokens.insert(Array(String(repeating: before, count: times).utf8), at: range.lowerBound)
        default:
            let times = 2 << random.below(random.chance(1, in: 8) ? 8 : 3)
            let bytes = tokens.bytes(range)
            tokens.insert(Array(repeatElement(bytes, count: times).joined()), at: range.upperBound)
        }
    }
}
