/// Order, union and parts of types.
extension StaticType {
    private var rank: Int {
        switch self {
        case .null: 0
        case .boolean: 1
        case .number: 2
        case .string: 3
        case .array: 4
        case .object: 5
        case .set: 6
        case .any: 7
        }
    }

    /// Negative, zero or positive as `left` comes before, is or comes after `right`.
    static func order(_ left: StaticType?, _ right: StaticType?) -> Int {
        guard let left, let right else { return (left == nil ? 0 : 1) - (right == nil ? 0 : 1) }
        switch (left, right) {
        case (.array(let one, let more), .array(let other, let rest)):
            let rests = order(more, rest)
            return rests != 0 ? rests : order(one, other)
        case (.set(let one), .set(let other)): return order(one, other)
        case (.any(let one), .any(let other)): return order(one, other)
        case (.object(let one, let more), .object(let other, let rest)):
            if (more == nil) != (rest == nil) { return more == nil ? -1 : 1 }
            for (first, second) in [(more?.key, rest?.key), (more?.value, rest?.value)] {
                let verdict = order(first, second)
                if verdict != 0 { return verdict }
            }
            for (first, second) in zip(one, other) {
                let keys = Value.order(first.key, second.key)
                if keys != 0 { return keys }
                let values = order(first.value, second.value)
                if values != 0 { return values }
            }
            return one.count - other.count
        default: return left.rank - right.rank
        }
    }

    private static func order(_ left: [StaticType?], _ right: [StaticType?]) -> Int {
        for (one, other) in zip(left, right) {
            let verdict = order(one, other)
            if verdict != 0 { return verdict }
        }
        return left.count - right.count
    }

    /// What is of the one type or of the other.
    static func union(_ left: StaticType?, _ right: StaticType?) -> StaticType? {
        guard let left, let right else { return left ?? right }
        var types: [StaticType] = []
        for type in [left, right] {
            guard case .any(let several) = type else {
                types.append(type)
                continue
            }
            if several.isEmpty { return .anything }
            types += several
        }
        types.sort { order($0, $1) < 0 }
        var distinct: [StaticType] = []
        for type in types where distinct.last.map({ order($0, type) != 0 }) ?? true { distinct.append(type) }
        return distinct.count == 1 ? distinct[0] : StaticType.any(distinct).bounded
    }

    /// The type of the keys that a reference may have; nil when values of this type have no parts.
    var keys: StaticType? {
        switch self {
        case .null, .boolean, .number, .string: return nil
        case .array: return .number
        case .object(let members, let rest):
            return members.reduce(rest?.key) { Self.union($0, .of($1.key)) }
        case .set(let member): return member
        case .any(let types):
            return types.isEmpty ? .anything : types.reduce(nil) { Self.union($0, $1.keys) }
        }
    }

    /// The type of the parts.
    var values: StaticType? {
        switch self {
        case .null, .boolean, .number, .string: return nil
        case .array(let members, let rest): return members.reduce(rest) { Self.union($0, $1) }
        case .object(let members, let rest): return members.reduce(rest?.value) { Self.union($0, $1.value) }
        case .set(let member): return member
        case .any(let types):
            return types.isEmpty ? .anything : types.reduce(nil) { Self.union($0, $1.values) }
        }
    }

    /// Whether there can be a part at a scalar key, and its type.
    func part(at key: Value) -> (exists: Bool, type: StaticType?) {
        switch self {
        case .null, .boolean, .number, .string: return (false, nil)
        case .array(let members, let rest):
            guard case .number(let number) = key, let place = number.int, place >= 0 else { return (false, nil) }
            if place < members.count { return (true, members[place]) }
            return (rest != nil, rest)
        case .object(let members, let rest):
            if let member = members.first(where: { Value.order($0.key, key) == 0 }) { return (true, member.value) }
            guard let rest, rest.key?.covers(.of(key)) ?? true else { return (false, nil) }
            return (true, rest.value)
        case .set(let member):
            guard let member else { return (true, nil) }
            return member.covers(.of(key)) ? (true, .of(key)) : (false, nil)
        case .any(let types):
            if types.isEmpty { return (true, .anything) }
            let parts = types.map { $0.part(at: key) }.filter(\.exists)
            return (!parts.isEmpty, parts.reduce(nil) { Self.union($0, $1.type) })
        }
    }

    /// Whether it is the type or has it among its alternatives.
    private func covers(_ type: StaticType) -> Bool {
        guard case .any(let types) = self else { return Self.order(self, type) == 0 }
        return types.isEmpty || types.contains { Self.order($0, type) == 0 }
    }

    /// Whether a value can be of both types. What is not known can.
    static func overlap(_ left: StaticType?, _ right: StaticType?) -> Bool {
        guard let left, let right else { return true }
        switch (left, right) {
        case (.any(let types), let other), (let other, .any(let types)):
            return types.isEmpty || types.contains { overlap($0, other) }
        case (.array(let one, let more), .array(let other, let rest)):
            if one.count > other.count && rest == nil || other.count > one.count && more == nil { return false }
            for place in 0..<max(one.count, other.count) {
                let first = place < one.count ? one[place] : more
                if !overlap(first, place < other.count ? other[place] : rest) { return false }
            }
            return more == nil || rest == nil || overlap(more, rest)
        case (.object(let one, let more), .object(let other, let rest)):
            for (members, type) in [(one, right), (other, left)] {
                for (key, value) in members {
                    let part = type.part(at: key)
                    if !part.exists || !overlap(value, part.type) { return false }
                }
            }
            return more == nil || rest == nil || overlap(more?.value, rest?.value)
        case (.set(let one), .set(let other)): return overlap(one, other)
        default: return left.rank == right.rank
        }
    }
}
