/// `regex.globs_match`: whether two simple patterns (`.`, `[a-z]`, `*`, `+`, `\`) have a string in common.
enum GlobIntersection {
    private struct Token {
        var set: ScalarSet
        var isOptional = false
        var repeats = false
    }

    static func isNonEmpty(
        _ left: String, _ right: String, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> Bool {
        let (one, other) = try (tokens(left), tokens(right))
        try charge((one.count + 1) * (other.count + 1))
        guard one.count * other.count <= 1 << 22 else { throw .tooLarge("pattern") }
        // Pairs of places that some common string leads to; each is visited once.
        let width = other.count + 1
        var seen = [Bool](repeating: false, count: (one.count + 1) * width)
        var open = [(0, 0)]
        while let (first, second) = open.popLast() {
            if seen[first * width + second] { continue }
            seen[first * width + second] = true
            if first == one.count, second == other.count { return true }
            if first < one.count, one[first].isOptional { open.append((first + 1, second)) }
            if second < other.count, other[second].isOptional { open.append((first, second + 1)) }
            guard first < one.count, second < other.count, meet(one[first].set, other[second].set) else { continue }
            for next in one[first].repeats ? [first, first + 1] : [first + 1] {
                for after in other[second].repeats ? [second, second + 1] : [second + 1] { open.append((next, after)) }
            }
        }
        return false
    }

    private static func meet(_ one: ScalarSet, _ other: ScalarSet) -> Bool {
        let (ones, others) = (one.ranges, other.ranges)
        var (left, right) = (0, 0)
        while left < ones.count, right < others.count {
            if ones[left].overlaps(others[right]) { return true }
            if ones[left].upperBound < others[right].upperBound { left += 1 } else { right += 1 }
        }
        return false
    }

    private static func tokens(_ pattern: String) throws(Builtin.Failure) -> [Token] {
        let text = Array(pattern.unicodeScalars)
        var tokens: [Token] = []
        var index = 0
        func bad(_ why: String) -> Builtin.Failure { .builtin("\(why), pos \(index), input \(pattern)") }
        while index < text.count {
            let scalar = text[index]
            index += 1
            switch scalar {
            case ".": tokens.append(Token(set: .all))
            case "*", "+":
                guard let last = tokens.last, !last.repeats else {
                    throw bad("flag '\(scalar)' must be preceded by a token")
                }
                tokens[tokens.count - 1].repeats = true
                tokens[tokens.count - 1].isOptional = scalar == "*"
            case "[":
                var ranges: [ClosedRange<UInt32>] = []
                var low: UInt32?
                while true {
                    guard index < text.count else { throw bad("set must end with ']'") }
                    var next = text[index]
                    index += 1
                    if next == "]" { break }
                    if next == "-", let start = low, index < text.count, text[index] != "]" {
                        if text[index] == "\\" { index += 1 }
                        guard index < text.count, text[index].value >= start else { throw bad("bad range in set") }
                        ranges.append(start...text[index].value)
                        index += 1
                        low = nil
                        continue
                    }
                    if next == "\\" {
                        guard index < text.count else { throw bad("escape must be followed by a character") }
                        next = text[index]
                        index += 1
                    }
                    ranges.append(next.value...next.value)
                    low = next.value
                }
                tokens.append(Token(set: ScalarSet(ranges)))
            case "\\":
                guard index < text.count else { throw bad("escape must be followed by a character") }
                tokens.append(Token(set: ScalarSet(text[index].value)))
                index += 1
            default: tokens.append(Token(set: ScalarSet(scalar.value)))
            }
        }
        return tokens
    }
}
