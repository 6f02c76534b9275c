/// `object.*`.
extension Builtin {
    static let objects: [Builtin] = [
        plain("object.get", 3, objectGet),
        Builtin("object.keys", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let object = try a.object(1)
            try c.charge(object.count)
            return .set(SetValue(sorted: object.keys))
        },
        Builtin("object.remove", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try select(a, &c, keeps: false)
        },
        Builtin("object.filter", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try select(a, &c, keeps: true)
        },
        Builtin("object.union", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            try .object(merge(a.object(1), a.object(2), &c))
        },
        Builtin("object.union_n", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            var result = ObjectValue([])
            for member in try a.array(1) {
                guard case .object(let object) = member else { throw .element(1, a.operand(1), member, "object") }
                result = try merge(result, object, &c)
            }
            return .object(result)
        },
        Builtin("object.subset", 2, objectSubset),
    ]

    private static func objectGet(_ arguments: [Value]) throws(Failure) -> Value? {
        let object = try arguments.object(1)
        let key = arguments.operand(2)
        guard case .array(let path) = key else { return object[key] ?? arguments.operand(3) }
        var found = Value.object(object)
        for key in path {
            guard let next = found.member(at: key) else { return arguments.operand(3) }
            found = next
        }
        return found
    }

    private static func select(
        _ arguments: [Value], _ context: inout Context, keeps: Bool
    ) throws(Failure) -> Value? {
        let object = try arguments.object(1)
        let selected: SetValue
        switch arguments.operand(2) {
        case .array(let array): selected = SetValue(array)
        case .set(let set): selected = set
        case .object(let other): selected = SetValue(sorted: other.keys)
        case let other: throw .operand(2, other, ["object", "set", "array"])
        }
        try context.charge(object.count + selected.count)
        let places = object.keys.indices.filter { selected.contains(object.keys[$0]) == keeps }
        return .object(
            ObjectValue(sortedKeys: places.map { object.keys[$0] }, values: places.map { object.values[$0] }))
    }

    /// Keys of both; where both have a key, objects are merged and other values come from `other`.
    private static func merge(
        _ one: ObjectValue, _ other: ObjectValue, _ context: inout Context
    ) throws(Failure) -> ObjectValue {
        try context.growMembers(one.count + other.count)
        var keys: [Value] = []
        var values: [Value] = []
        var (left, right) = (0, 0)
        while left < one.count || right < other.count {
            let order =
                left == one.count ? 1 : right == other.count ? -1 : Value.order(one.keys[left], other.keys[right])
            if order < 0 {
                keys.append(one.keys[left])
                values.append(one.values[left])
            } else {
                keys.append(other.keys[right])
                if order == 0, case .object(let inner) = one.values[left], case .object(let outer) = other.values[right]
                {
                    values.append(.object(try merge(inner, outer, &context)))
                } else {
                    values.append(other.values[right])
                }
                right += 1
            }
            if order <= 0 { left += 1 }
        }
        return ObjectValue(sortedKeys: keys, values: values)
    }

    private static func objectSubset(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        switch (arguments.operand(1), arguments.operand(2)) {
        case (.array(let whole), .set(let part)):
            try context.charge(whole.count)
            var missing = part.count
            // OPA finds an empty set in no empty array, and counts repeated members.
            for member in whole {
                if part.contains(member) { missing -= 1 }
                if missing == 0 { return .bool(true) }
            }
            return .bool(false)
        case (let whole, let part):
            guard let result = try subset(whole, part, &context) else {
                throw .type("both arguments object.subset must be of the same type or array and set")
            }
            return .bool(result)
        }
    }

    /// nil for values that are not both objects, sets or arrays.
    private static func subset(_ whole: Value, _ part: Value, _ context: inout Context) throws(Failure) -> Bool? {
        switch (whole, part) {
        case (.object(let whole), .object(let part)):
            try context.charge(part.count)
            for (key, value) in zip(part.keys, part.values) {
                guard let found = whole[key] else { return false }
                if found != value, try subset(found, value, &context) != true { return false }
            }
            return true
        case (.set(let whole), .set(let part)):
            try context.charge(part.count)
            return part.members.allSatisfy(whole.contains)
        case (.array(let whole), .array(let part)):
            if part.isEmpty { return true }
            if part.count > whole.count { return false }
            for start in 0...(whole.count - part.count) {
                try context.charge(1)
                var matched = 0
                while matched < part.count, whole[start + matched] == part[matched] { matched += 1 }
                try context.charge(matched)
                if matched == part.count { return true }
            }
            return false
        default: return nil
        }
    }
}

extension Value {
    /// What stands at `key` of a collection.
    func member(at key: Value) -> Value? {
        switch self {
        case .object(let object): return object[key]
        case .array(let array):
            guard case .number(let number) = key, let index = number.int, array.indices.contains(index) else {
                return nil
            }
            return array[index]
        case .set(let set): return set.contains(key) ? key : nil
        default: return nil
        }
    }
}
