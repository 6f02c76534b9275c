/// A piece of an input: what mutation takes out, doubles, moves or falsifies, so that the rest still holds together.
///
/// A piece does not change, and knows its bytes: of a changed input only the pieces around the change are made anew.
package final class Node {
    /// What a piece is made of.
    enum Form {
        /// Bytes without structure.
        case bytes
        /// Numbers of fixed width, one after another.
        case numbers(width: Int, bigEndian: Bool)
        /// Parts one after another, with something between them.
        case list([Node], separator: [UInt8])
        /// A part with its length, or the number of its members, in front.
        case sized(Prefix, Node)
        /// A part in an armour of text.
        case armoured(Armour, Node)
    }

    let form: Form
    /// The input that the piece stands for, of which no more is kept than the longest input could take.
    package let encoded: [UInt8]

    private static let lengthLimit = 1 << 17

    private init(_ form: Form, _ encoded: [UInt8]) {
        self.form = form
        self.encoded = encoded
    }

    package static func bytes(_ bytes: [UInt8]) -> Node { Node(.bytes, bytes) }

    package static func number(_ bytes: [UInt8], bigEndian: Bool) -> Node {
        numbers(bytes, width: bytes.count, bigEndian: bigEndian)
    }

    package static func numbers(_ bytes: [UInt8], width: Int, bigEndian: Bool) -> Node {
        Node(.numbers(width: max(width, 1), bigEndian: bigEndian), bytes)
    }

    package static func list(_ parts: [Node], separator: [UInt8]) -> Node {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(
            min(parts.reduce(0) { $0 + $1.encoded.count + separator.count }, 2 * Self.lengthLimit))
        for (index, part) in parts.enumerated() where encoded.count < Self.lengthLimit {
            if index > 0, !separator.isEmpty { encoded += separator }
            encoded += part.encoded
        }
        return Node(.list(parts, separator: separator), encoded)
    }

    package static func sized(_ prefix: Prefix, _ part: Node) -> Node {
        var members = 1
        if case .list(let parts, _) = part.form { members = parts.count }
        return Node(
            .sized(prefix, part), prefix.encoded(length: part.encoded.count, members: members) + part.encoded)
    }

    package static func armoured(_ armour: Armour, _ part: Node) -> Node {
        Node(.armoured(armour, part), armour.encode(part.encoded))
    }

    /// A piece somewhere within; those near the surface are as likely as all below them.
    func piece(_ random: inout Xorshift) -> Node {
        switch form {
        case .bytes: return self
        case .numbers(let width, let bigEndian):
            let start = width * random.below(encoded.count / width)
            guard encoded.count > width, !random.chance(1, in: 4) else { return self }
            return .number(Array(encoded[start..<start + width]), bigEndian: bigEndian)
        case .list(let parts, _):
            guard let part = random.pick(parts), !random.chance(1, in: 4) else { return self }
            return part.piece(&random)
        case .sized(_, let part), .armoured(_, let part):
            return random.chance(1, in: 4) ? self : part.piece(&random)
        }
    }

    /// The same with such a piece changed.
    func edited(_ random: inout Xorshift, _ change: (Node) -> Node) -> Node {
        switch form {
        case .bytes: return change(self)
        case .numbers(let width, let bigEndian):
            guard encoded.count > width, !random.chance(1, in: 16) else { return change(self) }
            let start = width * random.below(encoded.count / width)
            let old = Node.number(Array(encoded[start..<start + width]), bigEndian: bigEndian)
            var bytes = encoded
            bytes.replaceSubrange(start..<start + width, with: change(old).encoded)
            return .numbers(bytes, width: width, bigEndian: bigEndian)
        case .list(var parts, let separator):
            guard !parts.isEmpty, !random.chance(1, in: 4) else { return change(self) }
            let place = random.below(parts.count)
            parts[place] = parts[place].edited(&random, change)
            return .list(parts, separator: separator)
        case .sized(let prefix, let part):
            guard !random.chance(1, in: 4) else { return change(self) }
            return .sized(prefix, part.edited(&random, change))
        case .armoured(let armour, let part):
            guard !random.chance(1, in: 8) else { return change(self) }
            return .armoured(armour, part.edited(&random, change))
        }
    }
}
