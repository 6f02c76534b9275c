extension Value: Hashable, Comparable {
    private var rank: Int {
        switch self {
        case .null: 0
        case .bool: 1
        case .number: 2
        case .string: 3
        case .array: 4
        case .object: 5
        case .set: 6
        }
    }

    /// Negative, zero or positive as `left` comes before, is equal to or comes after `right`.
    ///
    /// Objects are compared key by key in order: first the keys, then the values, then the counts.
    public static func order(_ left: Value, _ right: Value) -> Int {
        switch (left, right) {
        case (.null, .null): return 0
        case (.bool(let one), .bool(let other)): return one == other ? 0 : (one ? 1 : -1)
        case (.number(let one), .number(let other)): return Number.order(one, other)
        case (.string(let one), .string(let other)): return Text.order(one, other)
        case (.array(let one), .array(let other)): return order(one, other)
        case (.set(let one), .set(let other)): return order(one.members, other.members)
        case (.object(let one), .object(let other)):
            for index in 0..<min(one.count, other.count) {
                let keys = order(one.keys[index], other.keys[index])
                if keys != 0 { return keys }
                let values = order(one.values[index], other.values[index])
                if values != 0 { return values }
            }
            return one.count - other.count
        default: return left.rank - right.rank
        }
    }

    private static func order(_ left: [Value], _ right: [Value]) -> Int {
        left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
                // The same storage: copies of one array are common, and may be large.
                if left.baseAddress == right.baseAddress, left.count == right.count { return 0 }
                for index in 0..<min(left.count, right.count) {
                    let members = order(left[index], right[index])
                    if members != 0 { return members }
                }
                return left.count - right.count
            }
        }
    }

    /// Equal in value.
    public static func == (left: Value, right: Value) -> Bool { order(left, right) == 0 }

    /// Comes before in order.
    public static func < (left: Value, right: Value) -> Bool { order(left, right) < 0 }

    /// Equal values hash alike.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(rank)
        switch self {
        case .null: break
        case .bool(let value): hasher.combine(value)
        case .number(let value): hasher.combine(value)
        case .string(let value): hasher.combine(value)
        case .array(let members): for member in members { hasher.combine(member) }
        case .set(let set): for member in set.members { hasher.combine(member) }
        case .object(let object):
            for (key, value) in zip(object.keys, object.values) {
                hasher.combine(key)
                hasher.combine(value)
            }
        }
    }
}
