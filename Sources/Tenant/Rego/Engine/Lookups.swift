extension Value {
    /// The member at a key: an array's at an index, an object's at a key; of a set the member itself.
    @inline(__always)
    func member(_ key: Value) -> Value? {
        switch self {
        case .object(let object): return object[key]
        case .array(let members):
            guard case .number(let number) = key, let index = number.index, index >= 0, index < members.count else {
                return nil
            }
            return members[index]
        case .set(let set): return set.contains(key) ? key : nil
        default: return nil
        }
    }

    /// The value at a path.
    func member(at path: [Value]) -> Value? { path.withUnsafeBufferPointer { Self.member(of: self, at: $0, from: 0) } }

    /// The value at a path; what lies on the way is looked at in its place.
    @inline(__always)
    func member(at path: UnsafeBufferPointer<Value>) -> Value? { Self.member(of: self, at: path, from: 0) }

    private static func member(of value: Value, at path: UnsafeBufferPointer<Value>, from start: Int) -> Value? {
        guard start < path.count else { return value }
        guard case .object(let object) = value else {
            guard let next = value.member(path[start]) else { return nil }
            return member(of: next, at: path, from: start + 1)
        }
        guard let place = object.index(of: path[start]) else { return nil }
        return object.values.withUnsafeBufferPointer { member(of: $0[place], at: path, from: start + 1) }
    }

    /// The value with another at a path; what is in the way and no object is replaced by one.
    func putting(_ value: Value, at path: ArraySlice<Value>) -> Value {
        guard let key = path.first else { return value }
        var object = ObjectValue([])
        if case .object(let known) = self { object = known }
        let inner = (object[key] ?? .object(ObjectValue([]))).putting(value, at: path.dropFirst())
        var keys = object.keys
        var values = object.values
        if let place = object.index(of: key) {
            values[place] = inner
        } else {
            let place = keys.firstIndex { $0 > key } ?? keys.count
            keys.insert(key, at: place)
            values.insert(inner, at: place)
        }
        return .object(ObjectValue(sortedKeys: keys, values: values))
    }
}

extension Number {
    /// The index that the number is: `1.0` is 1.
    @inline(__always)
    var index: Int? { int ?? (isInteger ? bigInteger?.int : nil) }
}

/// Goes through all of a value, as `walk` does: the value itself, then its members in order.
enum Walker {
    static func pairs(
        of value: Value, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> [Value] {
        var pairs: [Value] = []
        var open: [(path: [Value], value: Value)] = [([], value)]
        while let (path, value) = open.popLast() {
            try charge(64 * (path.count + 1))
            pairs.append(.array([.array(path), value]))
            open += members(of: value).reversed().map { (path + [$0.key], $0.value) }
        }
        return pairs
    }

    /// The keys and values of a collection; a set's members are their own keys.
    static func members(of value: Value) -> [(key: Value, value: Value)] {
        switch value {
        case .array(let members): members.enumerated().map { (key: .int($0), value: $1) }
        case .set(let set): set.members.map { (key: $0, value: $0) }
        case .object(let object): zip(object.keys, object.values).map { (key: $0, value: $1) }
        default: []
        }
    }
}
