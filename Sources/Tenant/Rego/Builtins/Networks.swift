/// `net.cidr_*`.
extension Builtin {
    static let networks: [Builtin] = [
        plain("net.cidr_contains", 2) { (a: [Value]) throws(Failure) -> Value? in
            try .bool(contains(a.operand(1), a.operand(2)))
        },
        plain("net.cidr_overlap", 2) { (a: [Value]) throws(Failure) -> Value? in
            try .bool(contains(a.operand(1), a.operand(2)))
        },
        plain("net.cidr_intersects", 2) { (a: [Value]) throws(Failure) -> Value? in
            let (one, other) = try (block(a.operand(1)), block(a.operand(2)))
            return .bool(one.contains(other.first) || other.contains(one.first))
        },
        plain("net.cidr_is_valid", 1) { (a: [Value]) throws(Failure) -> Value? in
            guard case .string(let text) = a.operand(1) else { return .bool(false) }
            return .bool(AddressBlock(text.string) != nil)
        },
        Builtin("net.cidr_contains_matches", 2, containsMatches),
        Builtin("net.cidr_expand", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let block = try block(a.operand(1))
            let free = block.first.bytes.count * 8 - block.length
            guard free <= 22 else { throw .tooLarge("block \(block.text)") }
            try c.growMembers(1 << free)
            var members: [Value] = []
            var address: Address? = block.first
            while let next = address, block.contains(next) {
                members.append(.string(next.text))
                address = next.next
            }
            return .set(SetValue(members))
        },
        Builtin("net.cidr_merge", 1, merge),
    ]

    private static func block(_ value: Value) throws(Failure) -> AddressBlock {
        guard case .string(let text) = value else { throw .operand(1, value, "string") }
        guard let block = AddressBlock(text.string) else { throw .builtin("invalid CIDR address: \(text.string)") }
        return block
    }

    private static func contains(_ value: Value, _ part: Value) throws(Failure) -> Bool {
        let whole = try block(value)
        guard case .string(let text) = part else { throw .operand(1, part, "string") }
        if let address = Address(text.string) { return whole.contains(address) }
        guard let inner = AddressBlock(text.string) else {
            throw .builtin("not a valid textual representation of an IP address or CIDR: \(text.string)")
        }
        return whole.contains(inner.first) && whole.contains(inner.last)
    }

    /// What is looked at in an operand of `cidr_contains_matches`: pairs of text and what stands for it in the result.
    private static func matched(_ value: Value, _ position: Int) throws(Failure) -> [(text: Value, key: Value)] {
        let pairs: [(Value, Value)]
        switch value {
        case .string: return [(value, value)]
        case .array(let members): pairs = members.enumerated().map { ($0.element, .int($0.offset)) }
        case .set(let set): pairs = set.members.map { ($0, $0) }
        case .object(let object): pairs = Array(zip(object.values, object.keys))
        default: return []
        }
        var result: [(text: Value, key: Value)] = []
        for (member, key) in pairs {
            switch member {
            case .string: result.append((member, key))
            case .array(let parts) where !parts.isEmpty: result.append((parts[0], key))
            default: throw .builtin("operand \(position): element must be string or non-empty array")
            }
        }
        return result
    }

    private static func containsMatches(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let blocks = try matched(arguments.operand(1), 1)
        if blocks.isEmpty { return .set(SetValue([])) }
        let parts = try matched(arguments.operand(2), 2)
        var found: [Value] = []
        for block in blocks {
            try context.charge(parts.count)
            for part in parts where try contains(block.text, part.text) { found.append(.array([block.key, part.key])) }
        }
        return .set(SetValue(found))
    }

    private static func merge(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let members: [Value]
        switch arguments.operand(1) {
        case .array(let array): members = array
        case .set(let set): members = set.members
        default: throw .builtin("operand must be an array")
        }
        try context.growMembers(members.count)
        // The text of a block that was merged with no other.
        var spans: [(first: Address, last: Address, text: String?)] = []
        for member in members {
            guard case .string(let text) = member else { throw .builtin("element must be string") }
            let block: AddressBlock
            var written: String?
            if let address = Address(text.string) {
                guard address.bytes.count == 4 else { throw .builtin("IPv6 invalid: needs prefix length") }
                // Go's default mask of the address's old class.
                let length = address.bytes[0] < 0x80 ? 8 : address.bytes[0] < 0xC0 ? 16 : 24
                block = AddressBlock(address, length)
                written = "\(address.text)/\(length)"
            } else {
                block = try Self.block(member)
            }
            spans.append((block.first, block.last, written ?? block.text))
        }
        spans.sort {
            $0.first.bytes.count != $1.first.bytes.count
                ? $0.first.bytes.count < $1.first.bytes.count
                : $0.first.bytes.lexicographicallyPrecedes($1.first.bytes)
        }
        var merged: [(first: Address, last: Address, text: String?)] = []
        for span in spans {
            if let previous = merged.last, previous.first.bytes.count == span.first.bytes.count,
                previous.last.next.map({ !$0.bytes.lexicographicallyPrecedes(span.first.bytes) }) ?? true
            {
                merged[merged.count - 1].text = nil
                if previous.last.bytes.lexicographicallyPrecedes(span.last.bytes) {
                    merged[merged.count - 1].last = span.last
                }
            } else {
                merged.append(span)
            }
        }
        return .set(
            SetValue(
                merged.flatMap { span in
                    span.text.map { [.string($0)] }
                        ?? AddressBlock.cover(span.first, span.last).map { .string($0.text) }
                }))
    }
}
