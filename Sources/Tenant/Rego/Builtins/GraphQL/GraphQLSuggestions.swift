/// What a wrong name may have been meant to be.
extension GraphQL.Walker {
    /// ` Did you mean "a", "b", or "c"?`, or nothing.
    func didYouMean(
        _ typed: String, _ names: [String], _ words: String = "Did you mean", isQuoted: Bool = true
    ) throws(GraphQL.Failure) -> String {
        let near = try nearest(typed, names)
        if near.isEmpty { return "" }
        return " \(words) \(Self.alternatives(isQuoted ? near.map { "\"\($0)\"" } : near))?"
    }

    /// What may have been meant by a field that a type does not have.
    func suggestion(for name: String, on parent: GraphQL.Definition) throws(GraphQL.Failure) -> String {
        if parent.isAbstract {
            var uses: [String: Int] = [:]
            var names: [String] = []
            var objects: [String] = []
            for type in schema.possible[parent.name] ?? [] where type.field(name) != nil {
                try budget.spend(1 + type.interfaces.count)
                objects.append(type.name)
                for interface in type.interfaces where schema.types[interface]?.field(name) != nil {
                    if uses[interface] == nil { names.append(interface) }
                    uses[interface, default: 0] += 1
                }
            }
            let sorted = (names + objects).sorted {
                let (one, other) = (uses[$0] ?? 0, uses[$1] ?? 0)
                return one == other ? Text($0) < Text($1) : one > other
            }
            return " Did you mean to use an inline fragment on "
                + Self.alternatives(sorted.map { "\"\($0)\"" }) + "?"
        }
        guard parent.kind == .object || parent.kind == .interface else { return "" }
        return try didYouMean(name, parent.fields.map(\.name))
    }

    private static func alternatives(_ names: [String]) -> String {
        let names = names.prefix(5)
        guard let last = names.last, names.count > 1 else { return names.first ?? "" }
        if names.count == 2 { return names.joined(separator: " or ") }
        return names.dropLast().joined(separator: ", ") + ", or " + last
    }

    /// The names within a few edits, the nearest first.
    private func nearest(_ typed: String, _ names: [String]) throws(GraphQL.Failure) -> [String] {
        let length = typed.utf8.count
        let threshold = max(length * 2 / 5 + 1, 1)
        guard length <= 64 else { return [] }
        var near: [(name: String, distance: Int)] = []
        for name in names where abs(name.utf8.count - length) <= threshold {
            try budget.spend(1 + length / 4)
            let distance = Self.distance(typed, name)
            if distance <= threshold { near.append((name, distance)) }
        }
        return near.enumerated().sorted {
            ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset)
        }.map(\.element.name)
    }

    /// How many edits lie between two names; letters' case is one.
    private static func distance(_ one: String, _ other: String) -> Int {
        if one == other { return 0 }
        let (first, second) = (Array(one.lowercased().utf8), Array(other.lowercased().utf8))
        if first == second { return 1 }
        var row = Array(0...second.count)
        for (index, byte) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in second.indices {
                let cost = min(diagonal + (byte == second[column] ? 0 : 1), row[column] + 1, row[column + 1] + 1)
                diagonal = row[column + 1]
                row[column + 1] = cost
            }
        }
        return row[second.count]
    }
}
