/// A piece of an input: what mutation takes out, doubles, moves or falsifies, so that the rest still holds together.
package indirect enum Node {
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

    /// The input that the piece stands for.
    package var encoded: [UInt8] {
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

    /// A piece somewhere within; those near the surface are as likely as all below them.
    func piece(_ random: inout Xorshift) -> Node {
        switch self {
        case .bytes, .number: return self
        case .list(let parts, _):
            guard let part = random.pick(parts), !random.chance(1, in: 4) else { return self }
            return part.piece(&random)
        case .sized(_, let part), .armoured(_, let part):
            return random.chance(1, in: 4) ? self : part.piece(&random)
        }
    }

    /// Changes such a piece.
    mutating func edit(_ random: inout Xorshift, _ change: (inout Node) -> Void) {
        switch self {
        case .bytes, .number: change(&self)
        case .list(var parts, let separator):
            guard !parts.isEmpty, !random.chance(1, in: 4) else { return change(&self) }
            parts[random.below(parts.count)].edit(&random, change)
            self = .list(parts, separator: separator)
        case .sized(let prefix, var part):
            guard !random.chance(1, in: 4) else { return change(&self) }
            part.edit(&random, change)
            self = .sized(prefix, part)
        case .armoured(let armour, var part):
            guard !random.chance(1, in: 8) else { return change(&self) }
            part.edit(&random, change)
            self = .armoured(armour, part)
        }
    }
}
