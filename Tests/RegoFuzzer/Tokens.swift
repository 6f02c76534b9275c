import Fuzzing

/// A source or document cut into tokens, each with the space before it. Only as exact as mutation needs.
struct Tokens {
    private var tokens: [ArraySlice<UInt8>] = []

    var count: Int { tokens.count }

    var bytes: [UInt8] { Array(tokens.joined()) }

    init(_ bytes: [UInt8]) {
        var index = 0
        while index < bytes.count {
            let start = index
            while index < bytes.count, bytes[index] <= 0x20 { index += 1 }
            if index < bytes.count { index = Self.end(bytes, index) }
            tokens.append(bytes[start..<index])
        }
    }

    private static func end(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start + 1
        switch kind(bytes[start]) {
        case .word, .number:
            while index < bytes.count, kind(bytes[index]) == .word || kind(bytes[index]) == .number { index += 1 }
        case .string:
            while index < bytes.count, bytes[index] != bytes[start], bytes[index] != UInt8(ascii: "\n") {
                index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
            }
            index = min(index + 1, bytes.count)
        case .sign:
            if index < bytes.count, bytes[index] == UInt8(ascii: "=") { index += 1 }
        }
        return index
    }

    private enum Kind { case word, number, string, sign }

    private static func kind(_ byte: UInt8) -> Kind {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): .word
        case UInt8(ascii: "\""), UInt8(ascii: "`"): .string
        default: .sign
        }
    }

    func bytes(_ range: Range<Int>) -> [UInt8] { Array(tokens[range].joined()) }

    /// A few tokens somewhere.
    func range(_ random: inout Xorshift) -> Range<Int> {
        let start = random.below(tokens.count + 1)
        let length = random.chance(1, in: 6) ? random.below(40) : random.below(4) + 1
        return start..<min(start + length, tokens.count)
    }

    /// Some tokens' bytes.
    func piece(_ random: inout Xorshift) -> [UInt8] { bytes(range(&random)) }

    mutating func remove(_ range: Range<Int>) { tokens.removeSubrange(range) }

    mutating func insert(_ bytes: [UInt8], at index: Int) { tokens.insert(bytes[...], at: min(index, tokens.count)) }

    mutating func swap(_ one: Int, _ other: Int) {
        if one < tokens.count, other < tokens.count { tokens.swapAt(one, other) }
    }

    /// Puts another token of the same kind in the place of one.
    mutating func replaceOne(_ random: inout Xorshift) {
        guard !tokens.isEmpty else { return }
        let index = random.below(tokens.count)
        let space = tokens[index].prefix { $0 <= 0x20 }
        guard let first = tokens[index].dropFirst(space.count).first else { return }
        let kind = Self.kind(first)
        if random.chance(1, in: 3) {
            let same = tokens.filter { $0.first { $0 > 0x20 }.map(Self.kind) == kind }
            if let other = random.pick(same) { tokens[index] = space + other.drop { $0 <= 0x20 } }
            return
        }
        let text =
            switch kind {
            case .word: Fragments.word(&random)
            case .number: Fragments.number(&random)
            case .string: Fragments.string(&random)
            case .sign: Fragments.sign(&random)
            }
        tokens[index] = space + Array(text.utf8)
    }
}
