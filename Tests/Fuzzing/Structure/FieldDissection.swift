/// Cuts binary structures into their fields.
enum FieldDissection {
    static func dissect(_ bytes: [UInt8], _ fields: [Field]) -> Node {
        var rest = bytes[...]
        var parts: [Node] = []
        read(fields, &rest, &parts)
        if !rest.isEmpty { parts.append(.bytes(Array(rest))) }
        return .list(parts, separator: [])
    }

    /// Takes fields from the front; gives whether all were there.
    @discardableResult
    private static func read(_ fields: [Field], _ rest: inout ArraySlice<UInt8>, _ parts: inout [Node]) -> Bool {
        for field in fields {
            guard let node = read(field, &rest) else { return false }
            parts.append(node)
        }
        return true
    }

    private static func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard count >= 0, count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    static func value(_ bytes: [UInt8], _ bigEndian: Bool) -> Int {
        (bigEndian ? bytes : bytes.reversed()).reduce(0) { ($0 & 0xFF_FFFF_FFFF_FFFF) << 8 | Int($1) }
    }

    private static func read(_ field: Field, _ rest: inout ArraySlice<UInt8>) -> Node? {
        switch field {
        case .number(let width, let bigEndian):
            return take(width, &rest).map { .number($0, bigEndian: bigEndian) }
        case .bytes(let count): return take(count, &rest).map { .bytes($0) }
        case .sized(let width, let bigEndian, let more, let shape):
            let start = rest
            guard let prefix = take(width, &rest), let content = take(value(prefix, bigEndian) - more, &rest) else {
                rest = start
                return nil
            }
            return .sized(.length(width: width, bigEndian: bigEndian, more: more), shape.dissect(content))
        case .counted(let width, let bigEndian, let fields):
            guard let prefix = take(width, &rest) else { return nil }
            var groups: [Node] = []
            for _ in 0..<min(value(prefix, bigEndian), 4096) {
                guard !rest.isEmpty, let group = group(fields, &rest) else { break }
                groups.append(group)
            }
            return .sized(.members(width: width, bigEndian: bigEndian), .list(groups, separator: []))
        case .many(let fields):
            var groups: [Node] = []
            while !rest.isEmpty, let group = group(fields, &rest) { groups.append(group) }
            return .list(groups, separator: [])
        case .part(let count, let shape): return take(count, &rest).map { shape.dissect($0) }
        case .numbers(let width):
            defer { rest = [] }
            return .numbers(Array(rest), width: width, bigEndian: false)
        case .rest(let shape):
            defer { rest = [] }
            return shape.dissect(Array(rest))
        case .digest(let bigEndian):
            guard let number = take(2, &rest) else { return nil }
            let lengths = [4: 20, 11: 32, 12: 48, 13: 64]
            guard let digest = take(lengths[value(number, bigEndian)] ?? 20, &rest) else { return nil }
            return .list([.number(number, bigEndian: bigEndian), .bytes(digest)], separator: [])
        }
    }

    private static func group(_ fields: [Field], _ rest: inout ArraySlice<UInt8>) -> Node? {
        let start = rest
        var parts: [Node] = []
        guard read(fields, &rest, &parts), rest.count < start.count else {
            rest = start
            return nil
        }
        return .list(parts, separator: [])
    }
}
