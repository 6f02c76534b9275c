/// Set operators (`&`, `|`; `-` is with arithmetic) and the functions of sets of sets.
extension Builtin {
    static let sets: [Builtin] = [
        Builtin("and", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (one, other) = try (a.set(1), a.set(2))
            try c.charge(one.count + other.count)
            return .set(one.intersection(other))
        },
        Builtin("or", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (one, other) = try (a.set(1), a.set(2))
            try c.growMembers(one.count + other.count)
            return .set(one.union(other))
        },
        Builtin("set_diff", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let (one, other) = try (a.set(1), a.set(2))
            try c.charge(one.count + other.count)
            return .set(one.subtracting(other))
        },
        Builtin("intersection", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            var result: SetValue?
            for set in try inner(a) {
                try c.charge(set.count)
                result = result?.intersection(set) ?? set
            }
            return .set(result ?? SetValue([]))
        },
        Builtin("union", 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            var members: [Value] = []
            for set in try inner(a) {
                try c.growMembers(set.count)
                members += set.members
            }
            return .set(SetValue(members))
        },
    ]

    private static func inner(_ arguments: [Value]) throws(Failure) -> [SetValue] {
        var sets: [SetValue] = []
        for member in try arguments.set(1).members {
            guard case .set(let set) = member else { throw .operand(1, member, "set") }
            sets.append(set)
        }
        return sets
    }
}

extension SetValue {
    /// The members of both sets.
    func intersection(_ other: SetValue) -> SetValue {
        merge(other, keepsLeft: false, keepsBoth: true, keepsRight: false)
    }

    /// The members of either set.
    func union(_ other: SetValue) -> SetValue { merge(other, keepsLeft: true, keepsBoth: true, keepsRight: true) }

    /// The members that `other` does not have.
    func subtracting(_ other: SetValue) -> SetValue {
        merge(other, keepsLeft: true, keepsBoth: false, keepsRight: false)
    }

    private func merge(_ other: SetValue, keepsLeft: Bool, keepsBoth: Bool, keepsRight: Bool) -> SetValue {
        var merged: [Value] = []
        var (left, right) = (0, 0)
        while left < members.count, right < other.members.count {
            let order = Value.order(members[left], other.members[right])
            if order < 0 {
                if keepsLeft { merged.append(members[left]) }
                left += 1
            } else if order > 0 {
                if keepsRight { merged.append(other.members[right]) }
                right += 1
            } else {
                if keepsBoth { merged.append(members[left]) }
                left += 1
                right += 1
            }
        }
        if keepsLeft { merged += members[left...] }
        if keepsRight { merged += other.members[right...] }
        return SetValue(sorted: merged)
    }
}
