/// `yaml.*`.
extension Builtin {
    static let yaml: [Builtin] = [
        Builtin("yaml.unmarshal", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let text = try a.string(1)
            try c.charge(text.utf8.count * 8)
            return try readYAML(text)
        },
        Builtin("yaml.is_valid", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            guard case .string(let text) = a.operand(1) else { return .bool(false) }
            try c.charge(text.string.utf8.count * 8)
            return .bool((try? YAMLReader.parse(text.string)) != nil)
        },
        Builtin("yaml.marshal", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try measure(a.operand(1), &c)
            var writer = YAMLWriter(c.charge)
            try writer.write(a.operand(1), 0)
            return .string(writer.text.string)
        },
    ]

    private static func readYAML(_ text: String) throws(Failure) -> Value {
        do throws(YAMLReader.Mistake) { return try YAMLReader.parse(text) } catch { throw .builtin(error.text) }
    }
}

/// Writes YAML as Go's `yaml.v2`: blocks, keys in order, lists not indented below their key. Long lines are not folded.
private struct YAMLWriter {
    private(set) var text: [UInt8] = []
    private let charge: (Int) throws(Builtin.Failure) -> Void

    init(_ charge: @escaping (Int) throws(Builtin.Failure) -> Void) { self.charge = charge }

    /// A whole value, with the line's end; the cursor stands at `indent`.
    mutating func write(_ value: Value, _ indent: Int) throws(Builtin.Failure) {
        switch value {
        case .array(let members): try list(members, indent)
        case .set(let set): try list(set.members, indent)
        case .object(let object):
            if object.count == 0 { return end("{}") }
            for (index, key) in object.keys.enumerated() {
                if index > 0 { try pad(indent) }
                let name = if case .string(let text) = key { text.string } else { key.json().string }
                text += (name.utf8.contains(10) ? Value.string(name).json().string : scalar(name)).utf8
                text.append(58)
                try member(object.values[index], indent)
            }
        case .string(let string): try literal(string.string, indent)
        default: end(value.json().string)
        }
    }

    private mutating func end(_ line: String) { text += line.utf8 + [10] }

    private mutating func pad(_ indent: Int) throws(Builtin.Failure) {
        try charge(indent)
        guard text.count + indent <= Builtin.maximumResult else { throw .tooLarge("result") }
        text += repeatElement(32, count: indent)
    }

    private mutating func list(_ members: [Value], _ indent: Int) throws(Builtin.Failure) {
        if members.isEmpty { return end("[]") }
        for (index, member) in members.enumerated() {
            if index > 0 { try pad(indent) }
            text += [45, 32]
            try write(member, indent + 2)
        }
    }

    /// A value behind its key: collections begin on the next line.
    private mutating func member(_ value: Value, _ indent: Int) throws(Builtin.Failure) {
        let below: Int?
        switch value {
        case .array(let members): below = members.isEmpty ? nil : indent
        case .set(let set): below = set.count == 0 ? nil : indent
        case .object(let object): below = object.count == 0 ? nil : indent + 2
        default: below = nil
        }
        text.append(below == nil ? 32 : 10)
        if let below { try pad(below) }
        try write(value, below ?? indent + 2)
    }

    private mutating func literal(_ string: String, _ indent: Int) throws(Builtin.Failure) {
        let lines = string.utf8.split(separator: 10, omittingEmptySubsequences: false).map { $0.string }
        let isPlainText = string.unicodeScalars.allSatisfy { $0 == "\n" || GoQuote.isPrintable($0) }
        guard lines.count > 1, isPlainText, lines.first?.utf8.first != 32, lines.first?.isEmpty == false else {
            return end(lines.count > 1 ? Value.string(string).json(escapingHTML: false).string : scalar(string))
        }
        let trailing = lines.reversed().prefix { $0.isEmpty }.count
        end(trailing == 0 ? "|-" : trailing == 1 ? "|" : "|+")
        for line in trailing == 0 ? lines[...] : lines.dropLast() {
            if !line.isEmpty { try pad(max(indent, 2)) }
            end(line)
        }
    }

    /// A string on one line, in quotes where it would read as something else.
    private func scalar(_ string: String) -> String {
        guard case .string = YAMLScalar.resolve(string), !YAMLScalar.isTime(string) else {
            return Value.string(string).json(escapingHTML: false).string
        }
        guard string.unicodeScalars.allSatisfy(GoQuote.isPrintable) else {
            return Value.string(string).json(escapingHTML: false).string
        }
        let bytes = Array(string.utf8)
        let needsQuotes =
            bytes.first.map { "#,[]{}&*!|>'\"%@`".utf8.contains($0) } ?? true
            || "-?:".utf8.contains(bytes[0]) && YAMLReader.isSpace(bytes.dropFirst().first)
            || bytes.first == 32 || bytes.last == 32 || bytes.last == 58 || bytes.starts(with: "---".utf8)
            || bytes.starts(with: "...".utf8)
            || zip(bytes, bytes.dropFirst()).contains { $0 == 58 && $1 == 32 || $0 == 32 && $1 == 35 }
        return needsQuotes ? "'" + bytes.flatMap { $0 == 39 ? [39, 39] : [$0] }.string + "'" : string
    }
}
