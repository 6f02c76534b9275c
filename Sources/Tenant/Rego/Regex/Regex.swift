/// A compiled regular expression: RE2 syntax, Go's meaning (the leftmost match, alternatives in their order).
final class Regex: Sendable {
    let program: RegexProgram
    /// The names of the captures; "" for the whole match and for those without a name.
    let names: [String]

    /// Compiles a pattern; the error is Go's.
    convenience init(_ pattern: String) throws(RegexError) {
        let (node, names) = try RegexParser.parse(pattern)
        try self.init(node, names: names, pattern: pattern)
    }

    init(_ node: RegexNode, names: [String] = [""], pattern: String) throws(RegexError) {
        program = try RegexProgram(node, captures: names.count, pattern: pattern)
        self.names = names
    }

    func isMatch(
        _ text: String, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> Bool {
        try RegexSearch.isMatch(program, text, charge)
    }

    /// Matches one after the other, at most `limit`: each the slots of its captures. An empty match right behind another
    /// match is none.
    func matches(
        _ text: [UInt8], limit: Int = .max, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> [[Int]] {
        var machine = RegexMachine(program, text)
        var found: [[Int]] = []
        var place = 0
        var previousEnd = -1
        while found.count < limit, place <= text.count, let match = try machine.run(from: place, charge) {
            let isRepeated = match[1] == place && match[0] == previousEnd
            if match[1] == place {
                place += 1
                while place < text.count, text[place] & 0xC0 == 0x80 { place += 1 }
            } else {
                place = match[1]
            }
            previousEnd = match[1]
            if !isRepeated {
                try charge(match.count * 32 + 64)
                found.append(match)
            }
        }
        return found
    }
}
