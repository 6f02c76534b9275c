/// The rule that fields with one name in the answer are one field.
///
/// Fields are compared within a set of selections and between the sets of fragments that are spread together, as the
/// reference implementation does; pairs of fragments are compared once.
extension GraphQL.Walker {
    /// The fields of a set by their names in the answer, in order, and the fragments spread in it.
    private struct FieldSet {
        var names: [String] = []
        var fields: [String: [GraphQL.Field]] = [:]
        var spreads: [GraphQL.FragmentSpread] = []

        func isSame(as other: FieldSet) -> Bool {
            names == other.names
                && names.allSatisfy { name in
                    guard let one = fields[name], let two = other.fields[name], one.count == two.count else {
                        return false
                    }
                    return zip(one, two).allSatisfy { $0 === $1 }
                }
        }
    }

    private struct Conflict {
        var name: String
        var message = ""
        var inner: [Conflict] = []
        var position: GraphQL.Position?

        var description: String {
            if inner.isEmpty { return message }
            return inner.map { "subfields \"\($0.name)\" conflict because \($0.description)" }
                .joined(separator: " and ")
        }
    }

    func checkMerging(_ selections: [GraphQL.Selection]) throws(GraphQL.Failure) {
        if selections.isEmpty { return }
        var conflicts: [Conflict] = []
        let set = try fieldSet(selections)
        for name in set.names {
            let fields = set.fields[name] ?? []
            for (index, one) in fields.enumerated() {
                for other in fields[(index + 1)...] {
                    if let conflict = try conflict(one, other, false, 0) { conflicts.append(conflict) }
                }
            }
        }
        comparedFragments = []
        for (index, spread) in set.spreads.enumerated() {
            try compare(set, spread, false, &conflicts, 0)
            for other in set.spreads[(index + 1)...] { try compare(spread, other, false, &conflicts, 0) }
        }
        for conflict in conflicts {
            try report(
                "Fields \"\(conflict.name)\" conflict because \(conflict.description). Use different aliases on the "
                    + "fields to fetch both if this was intentional.", conflict.position)
        }
    }

    private func fieldSet(_ selections: [GraphQL.Selection]) throws(GraphQL.Failure) -> FieldSet {
        var set = FieldSet()
        var open = [selections[...]]
        while var rest = open.popLast() {
            guard let selection = rest.popFirst() else { continue }
            try budget.spend()
            open.append(rest)
            switch selection {
            case .field(let field):
                if set.fields[field.responseName] == nil { set.names.append(field.responseName) }
                set.fields[field.responseName, default: []].append(field)
            case .inline(let fragment): open.append(fragment.selections[...])
            case .spread(let spread): set.spreads.append(spread)
            }
        }
        return set
    }

    /// Compares fields with those of a fragment and of the fragments in it.
    private func compare(
        _ set: FieldSet, _ spread: GraphQL.FragmentSpread, _ areExclusive: Bool, _ conflicts: inout [Conflict],
        _ depth: Int
    ) throws(GraphQL.Failure) {
        try budget.check(depth: depth, limit: GraphQL.Budget.expandedNesting)
        guard comparedFragments.insert(spread.name).inserted, let fragment = spread.definition else { return }
        let other = try fieldSet(fragment.selections)
        if set.isSame(as: other) { return }
        try compare(set, other, areExclusive, &conflicts, depth + 1)
        for inner in other.spreads where inner.name != spread.name {
            try compare(set, inner, areExclusive, &conflicts, depth + 1)
        }
    }

    /// Compares two fragments and the fragments in them.
    private func compare(
        _ one: GraphQL.FragmentSpread, _ other: GraphQL.FragmentSpread, _ areExclusive: Bool,
        _ conflicts: inout [Conflict], _ depth: Int
    ) throws(GraphQL.Failure) {
        try budget.check(depth: depth, limit: GraphQL.Budget.expandedNesting)
        try budget.spend()
        if one.name == other.name { return }
        if let known = comparedPairs[one.name]?[other.name], areExclusive || !known { return }
        comparedPairs[one.name, default: [:]][other.name] = areExclusive
        comparedPairs[other.name, default: [:]][one.name] = areExclusive
        guard let first = one.definition, let second = other.definition else { return }
        let (firstSet, secondSet) = (try fieldSet(first.selections), try fieldSet(second.selections))
        try compare(firstSet, secondSet, areExclusive, &conflicts, depth + 1)
        for inner in secondSet.spreads { try compare(one, inner, areExclusive, &conflicts, depth + 1) }
        for inner in firstSet.spreads { try compare(inner, other, areExclusive, &conflicts, depth + 1) }
    }

    private func compare(
        _ one: FieldSet, _ other: FieldSet, _ areExclusive: Bool, _ conflicts: inout [Conflict], _ depth: Int
    ) throws(GraphQL.Failure) {
        for name in one.names {
            guard let others = other.fields[name] else { continue }
            for field in one.fields[name] ?? [] {
                for otherField in others {
                    if let conflict = try conflict(field, otherField, areExclusive, depth) {
                        conflicts.append(conflict)
                    }
                }
            }
        }
    }

    private func conflict(
        _ one: GraphQL.Field, _ other: GraphQL.Field, _ parentsAreExclusive: Bool, _ depth: Int
    ) throws(GraphQL.Failure) -> Conflict? {
        try budget.spend()
        try budget.check(depth: depth, limit: GraphQL.Budget.expandedNesting)
        guard let first = one.parent, let second = other.parent else { return nil }
        let areExclusive =
            parentsAreExclusive
            || (first.name != second.name && first.kind == .object && second.kind == .object
                && one.definition != nil && other.definition != nil)
        var conflict = Conflict(name: one.responseName, position: other.position)
        if !areExclusive {
            if one.name != other.name {
                conflict.message = "\"\(one.name)\" and \"\(other.name)\" are different fields"
                return conflict
            }
            if !Self.areSame(one.arguments, other.arguments) {
                conflict.message = "they have differing arguments"
                return conflict
            }
        }
        if let type = one.definition?.type, let otherType = other.definition?.type, differ(type, otherType) {
            conflict.message =
                "they return conflicting types \"\(type.description)\" and \"\(otherType.description)\""
            return conflict
        }
        if one.selections.isEmpty && other.selections.isEmpty { return nil }
        let (set, otherSet) = (try fieldSet(one.selections), try fieldSet(other.selections))
        try compare(set, otherSet, areExclusive, &conflict.inner, depth + 1)
        for spread in otherSet.spreads {
            comparedFragments = []
            try compare(set, spread, areExclusive, &conflict.inner, depth + 1)
        }
        for spread in set.spreads {
            comparedFragments = []
            try compare(otherSet, spread, areExclusive, &conflict.inner, depth + 1)
        }
        for spread in set.spreads {
            for otherSpread in otherSet.spreads {
                try compare(spread, otherSpread, areExclusive, &conflict.inner, depth + 1)
            }
        }
        return conflict.inner.isEmpty ? nil : conflict
    }

    private static func areSame(_ one: [GraphQL.Argument], _ other: [GraphQL.Argument]) -> Bool {
        one.count == other.count
            && one.allSatisfy { argument in
                other.contains {
                    $0.name == argument.name && $0.value.kind == argument.value.kind
                        && $0.value.raw == argument.value.raw
                }
            }
    }

    private func differ(_ one: GraphQL.TypeReference, _ other: GraphQL.TypeReference) -> Bool {
        if let element = one.element, let otherElement = other.element { return differ(element, otherElement) }
        if one.element != nil || other.element != nil || one.isNonNull != other.isNonNull { return true }
        guard let first = schema.types[one.name], let second = schema.types[other.name] else { return false }
        return first.isLeaf && second.isLeaf && first.name != second.name
    }
}
