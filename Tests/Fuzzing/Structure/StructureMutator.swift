/// Changes inputs piece by piece, so that most of what it makes is wrong in one place only.
package struct StructureMutator {
    private var random: Xorshift
    private let shape: Shape

    /// Pieces of earlier inputs, to put where they do not belong.
    nonisolated(unsafe) private static var pieces: [Node] = []
    private static let pieceLimit = 256

    /// Inputs that were cut before: the driver takes the same ones again and again.
    nonisolated(unsafe) private static var known: [Int: Node] = [:]
    private static let knownLimit = 1_024

    private func dissect(_ bytes: [UInt8]) -> Node {
        var hasher = Hasher()
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        let key = hasher.finalize()
        if let node = Self.known[key] { return node }
        if Self.known.count >= Self.knownLimit { Self.known.removeAll(keepingCapacity: true) }
        let node = shape.dissect(bytes)
        Self.known[key] = node
        return node
    }

    package init(_ shape: Shape, seed: UInt32) {
        self.shape = shape
        random = Xorshift(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1)
    }

    /// Another input of `room` bytes at most.
    package mutating func mutate(_ bytes: [UInt8], room: Int) -> [UInt8] {
        if random.chance(1, in: 8) { return ByteMutation.mutate(bytes, room: room) }
        var tree = dissect(bytes)
        if random.chance(1, in: 64) { keep(tree.piece(&random)) }
        for _ in 0...random.below(3) { tree = edited(tree) }
        let changed = tree.encoded
        return changed.count <= room ? changed : Array(changed.prefix(random.below(room + 1)))
    }

    /// The first input with a piece of the second.
    package mutating func cross(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        let piece = dissect(second).piece(&random)
        keep(piece)
        let insert = random.chance(1, in: 2)
        return dissect(first).edited(&random) { node in
            guard insert, case .list(let parts, let separator) = node.form else { return piece }
            return .list(parts + [piece], separator: separator)
        }.encoded
    }

    private mutating func keep(_ piece: Node) {
        if Self.pieces.count < Self.pieceLimit {
            Self.pieces.append(piece)
        } else {
            Self.pieces[random.below(Self.pieceLimit)] = piece
        }
    }

    private mutating func edited(_ tree: Node) -> Node {
        var copy = self
        defer { random = copy.random }
        return tree.edited(&random) { copy.changed($0) }
    }

    private mutating func changed(_ node: Node) -> Node {
        if random.chance(1, in: 24), let piece = random.pick(Self.pieces) { return piece }
        switch node.form {
        case .bytes: return .bytes(blob(node.encoded))
        case .numbers(let width, let bigEndian) where node.encoded.count == width:
            return .number(number(node.encoded, bigEndian), bigEndian: bigEndian)
        case .numbers: return .bytes(blob(node.encoded))
        case .list(let parts, let separator): return .list(members(parts), separator: separator)
        case .sized(let prefix, let part): return falsified(node, prefix, part)
        case .armoured(_, let part): return random.chance(1, in: 3) ? .bytes(blob(node.encoded)) : part
        }
    }

    private mutating func number(_ bytes: [UInt8], _ bigEndian: Bool) -> [UInt8] {
        let old = FieldDissection.value(bytes, bigEndian)
        let values = [
            0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 32, 33, 48, 64, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000,
            0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, Int.max, Int.min, -1, -2, old &+ 1, old &- 1, old &* 2, ~old,
            old ^ (1 << random.below(64)), Int(truncatingIfNeeded: random.next()),
        ]
        return Prefix.number(values[random.below(values.count)], bytes.count, bigEndian)
    }

    private mutating func blob(_ old: [UInt8]) -> [UInt8] {
        var bytes = old
        let place = random.below(bytes.count)
        switch random.below(12) {
        case 0..<3 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(random.below(8))
        case 3 where !bytes.isEmpty: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 4: bytes = Array(bytes.prefix(place))
        case 5: bytes = Array(bytes.dropFirst(place))
        case 6: bytes = [UInt8](repeating: random.chance(1, in: 2) ? 0 : 0xFF, count: bytes.count)
        case 7: bytes += bytes.prefix(1 + random.below(64))
        case 8: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 9: bytes = (0..<bytes.count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        case 10 where bytes.count >= 4:
            let width = min(1 << random.below(4), bytes.count)
            let start = random.below(bytes.count - width + 1)
            bytes.replaceSubrange(
                start..<start + width, with: number(Array(bytes[start..<start + width]), random.chance(1, in: 4)))
        default:
            let words = [
                "", "0", "-1", "1e400", "null", "\"\"", "{}", "[]", "[[[[", "\"\\uD800\"", "\u{0}", "é",
                "99999999999999999999", "2026-02-30T00:00:00Z",
            ]
            bytes = Array(words[random.below(words.count)].utf8)
        }
        return bytes
    }

    private mutating func members(_ old: [Node]) -> [Node] {
        guard !old.isEmpty else { return random.pick(Self.pieces).map { [$0] } ?? [] }
        var parts = old
        let (from, to) = (random.below(parts.count), random.below(parts.count))
        switch random.below(8) {
        case 0, 1: parts.remove(at: from)
        case 2: parts.insert(parts[from], at: to)
        case 3: parts.swapAt(from, to)
        case 4: parts = Array(parts.prefix(from))
        case 5: if let piece = random.pick(Self.pieces) { parts.insert(piece, at: to) }
        case 6: parts.insert(contentsOf: Array(repeating: parts[from], count: 1 << random.below(7)), at: to)
        default: parts[to] = parts[from]
        }
        return parts
    }

    /// A length that lies, a tag that is another, or a part that its length no longer fits.
    private mutating func falsified(_ node: Node, _ prefix: Prefix, _ part: Node) -> Node {
        let content = part.encoded
        if case .der(let tag) = prefix, random.chance(1, in: 2) {
            let tags: [UInt8] = [
                0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C, 0x13, 0x17, 0x18, 0x30, 0x31, 0xA0, 0xA3,
            ]
            return .sized(.der(tag: random.chance(1, in: 4) ? tag ^ 0x20 : tags[random.below(tags.count)]), part)
        }
        let head = Array(node.encoded.prefix(node.encoded.count - content.count))
        switch random.below(4) {
        case 0: return part
        case 1: return .list([.bytes(head), .bytes(blob(content))], separator: [])
        case 2:
            // The long form of a length where the short one would do.
            guard case .der(let tag) = prefix else { fallthrough }
            return .bytes([tag, 0x82] + Prefix.number(content.count, 2, true) + content)
        default:
            var lie = head
            let start = lie.count > 1 ? random.below(lie.count) : 0
            lie[start] = random.chance(1, in: 2) ? lie[start] &+ (random.chance(1, in: 2) ? 1 : 255) : 0xFF
            return .list([.bytes(lie), part], separator: [])
        }
    }
}
