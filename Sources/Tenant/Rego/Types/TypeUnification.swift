/// Whether terms can be of types, and what that tells of their variables: as OPA's v1/ast/check.go.
extension TypeEnvironment {
    /// Lets a term be of a type; false when it cannot be. With `adds` a variable may also be of other types.
    mutating func unify(_ term: ResolvedTerm, _ type: StaticType?, adds: Bool = false) -> Bool {
        switch term.kind {
        case .variable(let slot):
            guard let known = variables[slot] else {
                variables[slot] = type
                return true
            }
            if !adds { return StaticType.overlap(known, type) }
            variables[slot] = StaticType.union(known, type)
            return true
        case .array, .object, .set: break
        case .constant(let value) where !value.isScalar: break
        default: return StaticType.overlap(self.type(of: term), type)
        }
        guard let type else { return true }
        guard case .any(let types) = type else { return unify(collection: term, type, adds) }
        if types.isEmpty {
            forEachPart(of: term) { _ = $0.unify($1, .anything, adds: true) }
            return true
        }
        // Each alternative may tell something of the variables.
        return types.reduce(false) { unify(term, $1, adds: true) || $0 }
    }

    private mutating func forEachPart(
        of term: ResolvedTerm, _ visit: (inout TypeEnvironment, ResolvedTerm) -> Void
    ) {
        switch term.kind {
        case .array(let members), .set(let members): for member in members { visit(&self, member) }
        case .object(let pairs):
            for (key, value) in pairs {
                visit(&self, key)
                visit(&self, value)
            }
        default: break
        }
    }

    private mutating func unify(collection term: ResolvedTerm, _ type: StaticType, _ adds: Bool) -> Bool {
        switch (Self.parts(of: term), type) {
        case (.array(let members), .array(let types, let rest)):
            if members.count != types.count, rest == nil { return false }
            for (place, member) in members.enumerated() {
                guard unify(member, place < types.count ? types[place] : rest, adds: adds) else { return false }
            }
            return true
        case (.object(let pairs), .object(let types, let rest)):
            if pairs.count != types.count, rest == nil { return false }
            for (key, value) in pairs {
                guard let constant = key.constant else {
                    _ = unify(value, .anything, adds: adds)
                    continue
                }
                let part = type.part(at: constant)
                guard part.exists, unify(value, part.type, adds: adds) else { return false }
            }
            return true
        case (.set(let members), .set(let type)):
            for member in members {
                guard unify(member, type, adds: adds) else { return false }
            }
            return true
        default: return false
        }
    }

    /// A constant collection as the collection of its constants.
    private static func parts(of term: ResolvedTerm) -> ResolvedTerm.Kind {
        guard case .constant(let value) = term.kind else { return term.kind }
        func constant(_ value: Value) -> ResolvedTerm { ResolvedTerm(.constant(value), term.location) }
        switch value {
        case .array(let members): return .array(members.map(constant))
        case .set(let set): return .set(set.members.map(constant))
        case .object(let object):
            return .object(zip(object.keys, object.values).map { (key: constant($0), value: constant($1)) })
        default: return term.kind
        }
    }

    /// Lets two terms be equal; false when their types do not allow it.
    mutating func unify(_ left: ResolvedTerm, _ right: ResolvedTerm) -> Bool {
        let (first, second) = (type(of: left), type(of: right))
        switch (StaticType.isUnknown(first), StaticType.isUnknown(second)) {
        case (false, false): return StaticType.overlap(first, second)
        case (true, false): return unify(left, second)
        case (false, true): return unify(right, first)
        case (true, true): break
        }
        switch (left.kind, right.kind) {
        case (.array(let one), .array(let other)):
            guard one.count == other.count else { return false }
            return zip(one, other).allSatisfy { unify($0, $1) }
        case (.object(let one), .object(let other)):
            guard one.count == other.count else { return false }
            for (key, value) in one {
                // Keys that are no constants say nothing.
                guard let constant = key.constant else { continue }
                guard let pair = other.first(where: { $0.key.constant == constant }) else {
                    if other.allSatisfy({ $0.key.constant != nil }) { return false }
                    continue
                }
                guard unify(value, pair.value) else { return false }
            }
            return true
        default:
            // Something of each is not known: what was not known before may be anything.
            _ = unify(left, .anything)
            _ = unify(right, .anything)
            return true
        }
    }
}
