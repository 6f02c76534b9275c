/// The tree of virtual documents: packages and, in them, the ground parts of rules' names.
struct DocumentTree: Sendable {
    /// A written rule and where it came from.
    struct Entry: Sendable {
        var rule: Rule
        /// The module's number.
        var module: Int
        /// The operands of the rule's name beyond the node's path.
        var tail: [Term]
    }

    struct Node: Sendable {
        var path: [Value]
        var children: [Value: Int] = [:]
        var entries: [Entry] = []
        /// Where a package with this path is declared, if one is.
        var packages: [Location] = []
    }

    private(set) var nodes: [Node] = [Node(path: [])]
    private(set) var errors: [RegoError] = []

    init(_ modules: [Module], strict: Bool = false) {
        for (number, module) in modules.enumerated() {
            if module.package.count > Self.longestPath { tooLong(module.packageLocation) }
            let package = node(at: module.package.prefix(Self.longestPath).map { .string($0) })
            nodes[package].packages.append(module.packageLocation)
            for rule in module.rules {
                let name = Self.parts(of: rule.path).0
                if module.isV1 || strict, name == "data" || name == "input" {
                    errors.append(
                        RegoError(
                            "rego_compile_error", "rules must not shadow \(name) (use a different rule name)",
                            rule.location))
                }
                insert(rule, module: number, package: package)
            }
        }
        check(node: 0)
        gather(node: 0)
    }

    /// How many keys a path may have: trees and objects nest as deep.
    static let longestPath = 250

    private mutating func tooLong(_ location: Location) {
        errors.append(RegoError("rego_compile_error", "path too long", location))
    }

    /// The node at a path, made when it is not there.
    private mutating func node(at path: [Value], from start: Int = 0) -> Int {
        var current = start
        for key in path {
            if let next = nodes[current].children[key] {
                current = next
            } else {
                nodes.append(Node(path: nodes[current].path + [key]))
                nodes[current].children[key] = nodes.count - 1
                current = nodes.count - 1
            }
        }
        return current
    }

    private mutating func insert(_ rule: Rule, module: Int, package: Int) {
        let (name, operands) = Self.parts(of: rule.path)
        var path: [Value] = [.string(name)]
        var tail: [Term] = []
        for operand in operands {
            if tail.isEmpty, case .scalar(let key) = operand.kind { path.append(key) } else { tail.append(operand) }
        }
        if path.count + tail.count > Self.longestPath { return tooLong(rule.location) }
        let place = node(at: path, from: package)
        nodes[place].entries.append(Entry(rule: rule, module: module, tail: tail))
    }

    /// A rule's first name and the operands after it.
    static func parts(of path: Term) -> (String, [Term]) {
        switch path.kind {
        case .variable(let name): (name, [])
        case .reference(let head, let operands):
            if case .variable(let name) = head.kind { (name, operands) } else { ("", operands) }
        default: ("", [])
        }
    }

    /// A reference as OPA writes it: `data.a["b c"]`.
    static func name(_ path: [Value], root: String = "data") -> String {
        path.reduce(root) { text, key in
            if case .string(let part) = key {
                return isName(part.string) ? text + "." + part.string : text + "[" + quoted(part.string) + "]"
            }
            return text + "[" + key.text + "]"
        }
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, first == 95 || (first | 32) >= 97 && (first | 32) <= 122 else {
            return false
        }
        return text.utf8.allSatisfy { $0 == 95 || ($0 | 32) >= 97 && ($0 | 32) <= 122 || $0 >= 48 && $0 <= 57 }
    }

    private static func quoted(_ text: String) -> String { Value.string(text).text }

    // MARK: conflicts

    private mutating func check(node index: Int) {
        let node = nodes[index]
        if !node.entries.isEmpty {
            checkKinds(of: node)
            checkDefaults(of: node)
            if let package = node.packages.first, let entry = node.entries.first {
                let name = DocumentTree.name(Array(node.path), root: "")
                let rule = DocumentTree.parts(of: entry.rule.path).0
                errors.append(
                    RegoError(
                        "rego_type_error",
                        "package \(name.drop { $0 == "." }) conflicts with rule \(rule) defined at "
                            + Self.place(entry.rule.location), package))
            } else if node.entries.allSatisfy({ $0.tail.isEmpty }) {
                checkChildren(of: node)
            }
        }
        for child in node.children.values.sorted() { check(node: child) }
    }

    private mutating func checkKinds(of node: Node) {
        guard let first = node.entries.first else { return }
        let shape = Self.shape(first)
        let fits = node.entries.allSatisfy { entry in
            let other = Self.shape(entry)
            if !entry.tail.isEmpty || !first.tail.isEmpty {
                // A path with variables joins whatever makes objects; only functions and whole sets do not fit.
                return other.arity == shape.arity && !(entry.tail.isEmpty && other.contains)
                    && !(first.tail.isEmpty && shape.contains)
            }
            return other == shape
        }
        if !fits {
            errors.append(
                RegoError(
                    "rego_type_error", "conflicting rules \(Self.name(node.path)) found", first.rule.location))
        }
    }

    private struct Shape: Equatable {
        var arity: Int
        var contains: Bool
    }

    private static func shape(_ entry: Entry) -> Shape {
        switch entry.rule.head {
        case .value: Shape(arity: -1, contains: false)
        case .contains: Shape(arity: -1, contains: true)
        case .function(let arguments, _): Shape(arity: arguments.isEmpty ? -1 : arguments.count, contains: false)
        }
    }

    private mutating func checkDefaults(of node: Node) {
        let defaults = node.entries.filter { $0.rule.isDefault }
        guard defaults.count > 1 else { return }
        let places = defaults.map { Self.place($0.rule.location) }.joined(separator: ", ")
        errors.append(
            RegoError(
                "rego_type_error", "multiple default rules \(Self.name(node.path)) found at \(places)",
                defaults[0].rule.location))
    }

    private mutating func checkChildren(of node: Node) {
        guard !node.children.isEmpty, let entry = node.entries.first else { return }
        var below: [String] = []
        var open = node.children.values.sorted()
        while let next = open.popLast() {
            if !nodes[next].entries.isEmpty { below.append(Self.name(nodes[next].path)) }
            open += nodes[next].children.values
        }
        guard !below.isEmpty else { return }
        errors.append(
            RegoError(
                "rego_type_error",
                "rule \(Self.name(node.path)) conflicts with [\(below.sorted().joined(separator: " "))]",
                entry.rule.location))
    }

    static func place(_ location: Location) -> String { "\(location.file):\(location.row)" }

    // MARK: general rules

    /// Rules with variables in their path swallow what stands below them: one group makes the whole object.
    private mutating func gather(node index: Int) {
        if nodes[index].entries.contains(where: { !$0.tail.isEmpty }) {
            let depth = nodes[index].path.count
            var open = nodes[index].children.values.sorted()
            while let next = open.popLast() {
                open += nodes[next].children.values.sorted()
                let location = nodes[next].entries.first?.rule.location ?? Location()
                let fixed = nodes[next].path.dropFirst(depth).map { Term(.scalar($0), location) }
                let moved = nodes[next].entries.filter { Self.shape($0).arity < 0 }
                nodes[index].entries += moved.map { Entry(rule: $0.rule, module: $0.module, tail: fixed + $0.tail) }
                nodes[next].entries.removeAll { Self.shape($0).arity < 0 }
            }
        } else {
            for child in nodes[index].children.values.sorted() { gather(node: child) }
        }
    }

    /// The node at a path, if there is one.
    func find(_ path: [Value]) -> Int? {
        var current = 0
        for key in path {
            guard let next = nodes[current].children[key] else { return nil }
            current = next
        }
        return current
    }
}
