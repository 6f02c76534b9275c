/// The rules for fragments.
extension GraphQL.Walker {
    func check(_ fragment: GraphQL.InlineFragment) throws(GraphQL.Failure) {
        let name = fragment.typeCondition
        let type = schema.types[name]
        if let type, !type.isComposite {
            try report("Fragment cannot condition on non composite type \"\(name)\".", fragment.position)
        }
        if type == nil, !name.isEmpty { try report("Unknown type \"\(name)\".", fragment.position) }
        try checkMerging(fragment.selections)
        if let parent = fragment.parent, try !canBe(parent, name) {
            try report(
                "Fragment cannot be spread here as objects of type \"\(parent.name)\" can never be of type "
                    + "\"\(name)\".", fragment.position)
        }
    }

    func check(_ spread: GraphQL.FragmentSpread) throws(GraphQL.Failure) {
        guard let fragment = spread.definition else {
            return try report("Unknown fragment \"\(spread.name)\".", spread.position)
        }
        if operation != nil { usedFragments.insert(spread.name) }
        if let parent = spread.parent, try !canBe(parent, fragment.typeCondition) {
            try report(
                "Fragment \"\(spread.name)\" cannot be spread here as objects of type \"\(parent.name)\" can never be "
                    + "of type \"\(fragment.typeCondition)\".", spread.position)
        }
    }

    /// Whether a value of a type can be of another; types that are unknown or no fragments' are others' to report.
    private func canBe(_ parent: GraphQL.Definition, _ name: String) throws(GraphQL.Failure) -> Bool {
        guard parent.isComposite, let type = schema.types[name], type.isComposite else { return true }
        let parents = parent.kind == .object ? [parent] : schema.possible[parent.name] ?? []
        let others = schema.possible[name] ?? []
        try budget.spend(parents.count + others.count)
        return !Set(parents.map { Text($0.name) }).isDisjoint(with: others.map { Text($0.name) })
    }

    func check(_ fragment: GraphQL.FragmentDefinition) throws(GraphQL.Failure) {
        let name = fragment.typeCondition
        if let definition = fragment.definition, !name.isEmpty, !definition.isComposite {
            try report(
                "Fragment \"\(fragment.name)\" cannot condition on non composite type \"\(name)\".", fragment.position)
        }
        if schema.types[name] == nil {
            try report(
                "Unknown type \"\(name)\"." + (try didYouMean(name, schema.types.keys.sorted())), fragment.position)
        }
        try checkCycles(from: fragment)
        if !usedFragments.contains(fragment.name) {
            try report("Fragment \"\(fragment.name)\" is never used.", fragment.position)
        }
        try checkMerging(fragment.selections)
        if !fragmentNames.insert(fragment.name).inserted {
            try report("There can be only one fragment named \"\(fragment.name)\".", fragment.position)
        }
    }

    /// Reports fragments that spread themselves. Without recursion: fragments may be chained without end.
    private func checkCycles(from start: GraphQL.FragmentDefinition) throws(GraphQL.Failure) {
        var path: [(name: String, spreads: ArraySlice<GraphQL.FragmentSpread>)] = []
        var way: [GraphQL.FragmentSpread] = []
        var places: [String: Int] = [:]
        func enter(_ fragment: GraphQL.FragmentDefinition) throws(GraphQL.Failure) -> Bool {
            guard cycleFreeFragments.insert(fragment.name).inserted else { return false }
            places[fragment.name] = way.count
            path.append((fragment.name, try spreads(in: fragment.selections)[...]))
            return true
        }
        _ = try enter(start)
        while let level = path.indices.last {
            try budget.spend()
            guard let spread = path[level].spreads.popFirst() else {
                places[path[level].name] = nil
                path.removeLast()
                if !way.isEmpty { way.removeLast() }
                continue
            }
            if let place = places[spread.name] {
                let names = way[place...].map { "\"\($0.name)\"" }
                let via = names.isEmpty ? "" : " via \(names.joined(separator: ", "))"
                try report("Cannot spread fragment \"\(spread.name)\" within itself\(via).", spread.position)
            } else if let next = fragment(spread.name) {
                way.append(spread)
                if try !enter(next) { way.removeLast() }
            }
        }
    }

    private func spreads(in selections: [GraphQL.Selection]) throws(GraphQL.Failure) -> [GraphQL.FragmentSpread] {
        var found: [GraphQL.FragmentSpread] = []
        var open = [selections]
        while let selections = open.popLast() {
            try budget.spend(selections.count)
            for selection in selections {
                switch selection {
                case .spread(let spread): found.append(spread)
                case .field(let field): open.append(field.selections)
                case .inline(let fragment): open.append(fragment.selections)
                }
            }
        }
        return found
    }
}
