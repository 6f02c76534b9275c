/// `graph.*`; `walk` is the engine's.
extension Builtin {
    static let graphs: [Builtin] = [
        Builtin("graph.reachable", 2, reachable),
        Builtin("graph.reachable_paths", 2, reachablePaths),
    ]

    private static func starts(_ arguments: [Value]) throws(Failure) -> (ObjectValue, [Value]) {
        let graph = try arguments.object(1)
        switch arguments.operand(2) {
        case .array(let array): return (graph, array)
        case .set(let set): return (graph, set.members)
        case let other: throw .operand(2, other, "{array, set}")
        }
    }

    private static func neighbors(_ edges: Value) -> [Value] {
        switch edges {
        case .array(let array): array
        case .set(let set): set.members
        default: []
        }
    }

    private static func reachable(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (graph, roots) = try starts(arguments)
        var reached = Set<Value>()
        var open = roots
        while let node = open.popLast() {
            guard !reached.contains(node), let edges = graph[node] else { continue }
            reached.insert(node)
            let next = neighbors(edges)
            try context.growMembers(next.count + 1)
            open += next
        }
        return .set(SetValue(Array(reached)))
    }

    /// Every path from the roots, up to a node without edges, a node outside the graph, or one already on the path.
    private static func reachablePaths(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let (graph, roots) = try starts(arguments)
        var paths: [Value] = []
        for root in roots {
            guard let edges = graph[root] else { continue }
            // Depth first without recursion: each entry is a path to go on from and the node to go to.
            var open = neighbors(edges).map { (path: [root], node: $0) }
            if open.isEmpty { paths.append(.array([root])) }
            while let (path, node) = open.popLast() {
                try context.growMembers(path.count + 1)
                if path.count > 1, path.contains(node) {
                    paths.append(.array(path))
                    continue
                }
                guard let edges = graph[node] else {
                    paths.append(.array(path))
                    continue
                }
                let longer = path + [node]
                let next = neighbors(edges)
                if next.isEmpty { paths.append(.array(longer)) }
                for neighbor in next { open.append((longer, neighbor)) }
                try context.growMembers(next.count)
            }
        }
        return .set(SetValue(paths))
    }
}
