extension RuleIndex {
    /// How many rules make an index worth its lookup.
    private static let threshold = 4

    /// An index on the path below `input` that most rules compare with a constant; nil when there is none.
    init?(_ rules: [ResolvedRule], equal: Callee?) {
        guard rules.count >= Self.threshold else { return nil }
        let conditions = rules.map { Self.conditions($0, equal) }
        var counts: [[Value]: Int] = [:]
        for condition in conditions { for path in condition.keys { counts[path, default: 0] += 1 } }
        let best = counts.max { ($0.value, $1.key.count) < ($1.value, $0.key.count) }
        guard let best, best.value >= Self.threshold else { return nil }
        var others: [Int] = []
        var byValue: [Value: [Int]] = [:]
        for (number, condition) in conditions.enumerated() {
            if let value = condition[best.key] {
                byValue[value, default: []].append(number)
            } else {
                others.append(number)
            }
        }
        self.init(path: best.key, byValue: byValue, others: others)
    }

    /// The constants that a rule demands of paths below `input`, whatever else it demands.
    private static func conditions(_ rule: ResolvedRule, _ equal: Callee?) -> [[Value]: Value] {
        guard rule.clauses.count == 1, let clause = rule.clauses.first else { return [:] }
        var conditions: [[Value]: Value] = [:]
        for expression in clause.body where expression.modifiers.isEmpty {
            let sides: (ResolvedTerm, ResolvedTerm)
            switch expression.kind {
            case .unify(let left, let right): sides = (left, right)
            case .call(let callee, let arguments, nil) where callee == equal && arguments.count == 2:
                sides = (arguments[0], arguments[1])
            default: continue
            }
            for (path, value) in [sides, (sides.1, sides.0)] {
                guard let constant = value.constant, case .reference(let head, let keys) = path.kind,
                    case .input = head.kind
                else { continue }
                let constants = keys.compactMap(\.constant)
                if constants.count == keys.count { conditions[constants] = constant }
            }
        }
        return conditions
    }
}
