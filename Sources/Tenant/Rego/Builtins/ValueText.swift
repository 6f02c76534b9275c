extension Value {
    /// The value as Rego writes it, e.g. `{"a": [1, "x"]}` or `set()`.
    func regoText(_ charge: (Int) throws(Builtin.Failure) -> Void) throws(Builtin.Failure) -> String {
        var text = ""
        try write(to: &text, charge)
        return text
    }

    private func write(
        to text: inout String, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) {
        let start = text.utf8.count
        switch self {
        case .null: text += "null"
        case .bool(let bool): text += bool ? "true" : "false"
        case .number(let number): text += number.description
        case .string(let string): text += GoQuote.quote(string.string)
        case .array(let members): try Self.write(members, "[", "]", to: &text, charge)
        case .set(let set):
            if set.count == 0 { text += "set()" } else { try Self.write(set.members, "{", "}", to: &text, charge) }
        case .object(let object):
            text += "{"
            for (index, key) in object.keys.enumerated() {
                if index > 0 { text += ", " }
                try key.write(to: &text, charge)
                text += ": "
                try object.values[index].write(to: &text, charge)
            }
            text += "}"
        }
        guard text.utf8.count <= Builtin.maximumResult else { throw .tooLarge("text") }
        switch self {
        case .array, .set, .object: try charge(1)
        default: try charge(text.utf8.count - start)
        }
    }

    private static func write(
        _ members: [Value], _ open: String, _ close: String, to text: inout String,
        _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) {
        text += open
        for (index, member) in members.enumerated() {
            if index > 0 { text += ", " }
            try member.write(to: &text, charge)
        }
        text += close
    }
}
