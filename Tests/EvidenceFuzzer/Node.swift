/// A piece of an input: what mutation takes out, doubles, moves or falsifies, so that the rest still holds together.
indirect enum Node {
    /// Bytes without structure.
    case bytes([UInt8])
    /// A number of fixed width.
    case number([UInt8], bigEndian: Bool)
    /// Parts one after another, with something between them.
    case list([Node], separator: [UInt8])
    /// A part with its length, or the number of its members, in front.
    case sized(Prefix, Node)
    /// A part in an armour of text.
    case armoured(Armour, Node)

    /// How many pieces there are, this one included.
    var count: Int {
        switch self {
        case .bytes, .number: 1
        case .list(let parts, _): parts.reduce(1) { $0 + $1.count }
        case .sized(_, let part), .armoured(_, let part): 1 + part.count
        }
    }

    /// The input that the piece stands for.
    var encoded: [UInt8] {
        var output: [UInt8] = []
        encode(to: &output)
        return output
    }

    func encode(to output: inout [UInt8]) {
        switch self {
        case .bytes(let bytes), .number(let bytes, _): output += bytes
        case .list(let parts, let separator):
            for (index, part) in parts.enumerated() {
                if index > 0 { output += separator }
                part.encode(to: &output)
            }
        case .sized(let prefix, let part):
            let content = part.encoded
            var members = 1
            if case .list(let parts, _) = part { members = parts.count }
            output += prefix.encoded(length: content.count, members: members)
            output += content
        case .armoured(let armour, let part): output += armour.encode(part.encoded)
        }
    }

    /// The piece at a place in the order of their beginnings.
    subscript(place: Int) -> Node {
        var place = place
        return find(&place) ?? self
    }

    private func find(_ place: inout Int) -> Node? {
        if place == 0 { return self }
        place -= 1
        switch self {
        case .bytes, .number: return nil
        case .list(let parts, _):
            for part in parts {
                if let found = part.find(&place) { return found }
            }
            return nil
        case .sized(_, let part), .armoured(_, let part): return part.find(&place)
        }
    }

    /// Changes the piece at a place.
    mutating func edit(at place: Int, _ change: (inout Node) -> Void) {
        var place = place
        _ = edit(&place, change)
    }

    private mutating func edit(_ place: inout Int, _ change: (inout Node) -> Void) -> Bool {
        if place == 0 {
            change(&self)
            return true
        }
        place -= 1
        switch self {
        case .bytes, .number: return false
        case .list(var parts, let separator):
            for index in parts.indices where parts[index].edit(&place, change) {
                self = .list(parts, separator: separator)
                return true
            }
            return false
        case .sized(let prefix, var part):
            guard part.edit(&place, change) else { return false }
            self = .sized(prefix, part)
            return true
        case .armoured(let armour, var part):
            guard part.edit(&place, change) else { return false }
            self = .armoured(armour, part)
            return true
        }
    }
}
