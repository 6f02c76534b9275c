/// What a body's solutions make.
struct Accumulator {
    /// The value of a complete rule or function; two that differ are a conflict.
    var value: Value?
    /// Members of a set or array, or values of pairs.
    var members: [Value] = []
    /// Keys of pairs.
    var keys: [Value] = []
    /// The object of rules with paths.
    var tree: PathTree?
    /// How high what was given is at most.
    var height: Int32 = 0
    /// Rows of a query.
    var rows: [[Value]] = []
    /// Where the rule stands, for conflicts.
    var location: Location
    var isFunction = false

    init(_ location: Location, isFunction: Bool = false) {
        self.location = location
        self.isFunction = isFunction
    }

    static func keysConflict(_ location: Location?) -> RegoError {
        RegoError("eval_conflict_error", "object keys must be unique", location)
    }

    static func valuesConflict(_ isFunction: Bool, _ location: Location) -> RegoError {
        RegoError(
            "eval_conflict_error",
            isFunction
                ? "functions must not produce multiple outputs for same inputs"
                : "complete rules must not produce multiple outputs", location)
    }

    /// The object of a literal. Unlike in rules and comprehensions, a key that is given twice is no conflict: the last
    /// value is kept, as OPA's parser inserts pairs in turn.
    static func literal(_ keys: [Value], _ values: [Value]) -> ObjectValue {
        if isSorted(keys) { return ObjectValue(sortedKeys: keys, values: values) }
        return ObjectValue(zip(keys, values).map { (key: $0, value: $1) })
    }

    /// Whether each key is greater than the one before it.
    private static func isSorted(_ keys: [Value]) -> Bool {
        for index in keys.indices.dropFirst() where Value.order(keys[index - 1], keys[index]) >= 0 { return false }
        return true
    }

    /// The object of the pairs so far.
    static func object(_ keys: [Value], _ values: [Value], _ location: Location?) throws(RegoError) -> ObjectValue {
        if isSorted(keys) { return ObjectValue(sortedKeys: keys, values: values) }
        let order = keys.indices.sorted { Value.order(keys[$0], keys[$1]) < 0 }
        var sortedKeys: [Value] = []
        var sortedValues: [Value] = []
        sortedKeys.reserveCapacity(keys.count)
        sortedValues.reserveCapacity(keys.count)
        for index in order {
            if let last = sortedKeys.last, last == keys[index] {
                if let value = sortedValues.last, value != values[index] { throw keysConflict(location) }
                continue
            }
            sortedKeys.append(keys[index])
            sortedValues.append(values[index])
        }
        return ObjectValue(sortedKeys: sortedKeys, values: sortedValues)
    }
}

/// The object that rules with variables in their paths make.
final class PathTree {
    private var children: [Value: PathTree] = [:]
    private var leaf: Value?
    private var set: [Value]?

    /// Puts a value, or a member of a set, at a path.
    func put(
        _ path: ArraySlice<Value>, _ value: Value, contains: Bool, unlessThere: Bool = false, _ location: Location
    ) throws(RegoError) {
        guard let key = path.first else {
            if contains {
                guard leaf == nil, children.isEmpty else { throw Accumulator.keysConflict(location) }
                // In place: a copy for each member would make many members quadratic.
                if set == nil { set = [] }
                set?.append(value)
                return
            }
            if unlessThere, leaf != nil || set != nil || !children.isEmpty { return }
            guard set == nil, children.isEmpty, leaf == nil || leaf == value else {
                throw Accumulator.keysConflict(location)
            }
            leaf = value
            return
        }
        if unlessThere, leaf != nil || set != nil { return }
        guard leaf == nil, set == nil else { throw Accumulator.keysConflict(location) }
        let child: PathTree
        if let known = children[key] {
            child = known
        } else {
            child = PathTree()
            children[key] = child
        }
        try child.put(path.dropFirst(), value, contains: contains, unlessThere: unlessThere, location)
    }

    /// Every leaf, and every member of a set, with its path.
    var leaves: [(path: [Value], value: Value, contains: Bool)] {
        if let leaf { return [([], leaf, false)] }
        if let set { return set.map { ([], $0, true) } }
        return children.flatMap { key, child in child.leaves.map { ([key] + $0.path, $0.value, $0.contains) } }
    }

    /// The object so far.
    var value: Value {
        if let leaf { return leaf }
        if let set { return .set(SetValue(set)) }
        let keys = children.keys.sorted()
        return .object(ObjectValue(sortedKeys: keys, values: keys.map { children[$0]?.value ?? .null }))
    }
}
