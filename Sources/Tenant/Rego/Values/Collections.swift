/// A set of values: sorted, each once.
public struct SetValue: Sendable {
    /// The members in order.
    public let members: [Value]

    /// A set of members in any order, with or without repetition.
    public init(_ members: [Value]) {
        let sorted = members.sorted { Value.order($0, $1) < 0 }
        var kept: [Value] = []
        kept.reserveCapacity(sorted.count)
        for member in sorted where kept.last.map({ Value.order($0, member) != 0 }) ?? true { kept.append(member) }
        self.members = kept
    }

    /// A set of members that are known to be in order and distinct.
    init(sorted members: [Value]) { self.members = members }

    /// How many members.
    public var count: Int { members.count }

    /// Whether `value` is a member.
    public func contains(_ value: Value) -> Bool {
        var (low, high) = (0, members.count)
        while low < high {
            let middle = (low + high) / 2
            let order = Value.order(members[middle], value)
            if order == 0 { return true }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return false
    }
}

/// An object: keys of any kind, sorted, each once.
public struct ObjectValue: Sendable {
    /// The keys in order.
    public let keys: [Value]
    /// The values, in the order of the keys.
    public let values: [Value]

    /// An object of pairs in any order. Of pairs with equal keys the last is kept.
    public init(_ pairs: [(key: Value, value: Value)]) {
        let sorted = pairs.enumerated().sorted {
            let order = Value.order($0.element.key, $1.element.key)
            return order == 0 ? $0.offset < $1.offset : order < 0
        }
        var keys: [Value] = []
        var values: [Value] = []
        keys.reserveCapacity(sorted.count)
        values.reserveCapacity(sorted.count)
        for (_, pair) in sorted {
            if let last = keys.last, Value.order(last, pair.key) == 0 {
                values[values.count - 1] = pair.value
            } else {
                keys.append(pair.key)
                values.append(pair.value)
            }
        }
        self.keys = keys
        self.values = values
    }

    /// An object whose keys are known to be in order and distinct.
    init(sortedKeys keys: [Value], values: [Value]) {
        self.keys = keys
        self.values = values
    }

    /// How many keys.
    public var count: Int { keys.count }

    /// The place of `key`; nil when it is absent.
    public func index(of key: Value) -> Int? {
        keys.withUnsafeBufferPointer { keys in
            var (low, high) = (0, keys.count)
            while low < high {
                let middle = (low + high) / 2
                let order = Value.order(keys[middle], key)
                if order == 0 { return middle }
                if order < 0 { low = middle + 1 } else { high = middle }
            }
            return nil
        }
    }

    /// The value at `key`.
    public subscript(key: Value) -> Value? { index(of: key).map { values[$0] } }

    /// The value at a string key.
    public subscript(key: String) -> Value? { self[.string(key)] }
}
