/// Finds rules that need themselves.
struct Recursion {
    private let shared: CompilerState
    /// The groups that each group refers to.
    private var edges: [Set<Int>]
    /// What is left of the work that wide references (`data[x].y` in every rule) may make.
    private var budget = 20_000_000

    init(_ shared: CompilerState, _ rules: [[ResolvedRule]]) {
        self.shared = shared
        edges = Array(repeating: [], count: rules.count)
        for (group, written) in rules.enumerated() {
            for rule in written {
                for clause in rule.clauses {
                    visit(clause.body, group)
                    for term in clause.tail + [clause.value] { visit(term, group) }
                }
            }
        }
    }

    private mutating func visit(_ body: [ResolvedExpression], _ group: Int) {
        for expression in body {
            switch expression.kind {
            case .term(let term): visit(term, group)
            case .unify(let left, let right):
                visit(left, group)
                visit(right, group)
            case .call(let callee, let arguments, let output):
                visit(callee, group)
                for argument in arguments { visit(argument, group) }
                if let output { visit(output, group) }
            case .every(_, _, let domain, let inner, _):
                visit(domain, group)
                visit(inner, group)
            case .not(let inner): visit(inner, group)
            case .print(let closures): for closure in closures { visit(closure.body, group) }
            }
            for modifier in expression.modifiers {
                switch modifier.replacement {
                case .callee(let callee): visit(callee, group)
                case .value(let term): visit(term, group)
                }
            }
        }
    }

    private mutating func visit(_ callee: Callee, _ group: Int) {
        if case .function(let target) = callee { edges[group].insert(target) }
    }

    private mutating func visit(_ term: ResolvedTerm, _ group: Int) {
        switch term.kind {
        case .constant, .variable, .input: break
        case .data: reach(0, [], group)
        case .reference(let head, let keys):
            if case .data = head.kind { reach(0, keys[...], group) } else { visit(head, group) }
            for key in keys { visit(key, group) }
        case .array(let members), .set(let members): for member in members { visit(member, group) }
        case .object(let pairs):
            for (key, value) in pairs {
                visit(key, group)
                visit(value, group)
            }
        case .comprehension(let closure): visit(closure.body, group)
        case .template(let parts): for case .term(let closure) in parts { visit(closure.body, group) }
        }
    }

    /// Every group that a path below a node may mean; a key that is no constant may mean any child.
    private mutating func reach(_ node: Int, _ keys: ArraySlice<ResolvedTerm>, _ group: Int) {
        budget -= 1
        guard budget > 0 else { return }
        if let target = shared.groupOfNode[node] {
            edges[group].insert(target)
            return
        }
        let children = shared.tree.nodes[node].children
        if let key = keys.first?.constant {
            if let child = children[key] { reach(child, keys.dropFirst(), group) }
        } else {
            for child in children.values { reach(child, keys.dropFirst(), group) }
        }
    }

    /// All groups, each after those that it refers to.
    var dependenciesFirst: [Int] {
        var order: [Int] = []
        var isSeen = [Bool](repeating: false, count: edges.count)
        for start in edges.indices where !isSeen[start] {
            isSeen[start] = true
            var open = [(group: start, left: edges[start].sorted())]
            while let (group, left) = open.last {
                guard let next = left.last else {
                    order.append(group)
                    open.removeLast()
                    continue
                }
                open[open.count - 1].left.removeLast()
                if isSeen[next] { continue }
                isSeen[next] = true
                open.append((next, edges[next].sorted()))
            }
        }
        return order
    }

    /// An error for each rule that is on a cycle, with the shortest way round.
    func errors(_ locations: [Location]) -> [RegoError] {
        guard budget > 0 else { return [RegoError("rego_compile_error", "references reach too many rules")] }
        var errors: [RegoError] = []
        for group in components().prefix(1_000) {
            guard let path = cycle(from: group) else { continue }
            let names = path.map { DocumentTree.name(shared.path(of: $0)) }
            errors.append(
                RegoError(
                    "rego_recursion_error",
                    "rule \(DocumentTree.name(shared.path(of: group))) is recursive: \(names.joined(separator: " -> "))",
                    locations[group]))
            if errors.count == 10 { break }
        }
        return errors
    }

    /// The groups left when those that nothing depends on, or that depend on nothing, are taken away again and again.
    private func components() -> [Int] {
        var left = Set(edges.indices)
        for forward in [true, false] {
            var reverse: [[Int]] = Array(repeating: [], count: edges.count)
            var degree = Array(repeating: 0, count: edges.count)
            for from in left {
                for to in edges[from] where left.contains(to) {
                    if forward {
                        reverse[to].append(from)
                        degree[from] += 1
                    } else {
                        reverse[from].append(to)
                        degree[to] += 1
                    }
                }
            }
            var open = left.filter { degree[$0] == 0 }
            while let group = open.popFirst() {
                left.remove(group)
                for next in reverse[group] {
                    degree[next] -= 1
                    if degree[next] == 0 { open.insert(next) }
                }
            }
        }
        return left.sorted()
    }

    private func cycle(from start: Int) -> [Int]? {
        var parents: [Int: Int] = [:]
        var open = [start]
        var next = 0
        while next < open.count {
            let current = open[next]
            next += 1
            for target in edges[current].sorted() {
                if target == start {
                    var path = [start]
                    var step = current
                    while step != start, let parent = parents[step] {
                        path.append(step)
                        step = parent
                    }
                    return [start] + path.reversed()
                }
                if parents[target] == nil, target != start {
                    parents[target] = current
                    open.append(target)
                }
            }
        }
        return nil
    }
}
