/// What `rego.metadata.rule()` and `rego.metadata.chain()` give in one rule: known when the policy is compiled.
struct RuleMetadata {
    var rule: Value
    var chain: Value
}

extension Resolver {
    /// The constant that a call of `rego.metadata.*` is; nil for other calls.
    func metadataCall(_ callee: Term, _ arguments: [Term]) -> Value? {
        guard arguments.isEmpty, let metadata, case .reference(let head, let operands) = callee.kind,
            case .variable("rego") = head.kind, operands.count == 2,
            case .scalar(.string("metadata")) = operands[0].kind, case .scalar(.string(let name)) = operands[1].kind
        else { return nil }
        switch name.string {
        case "rule": return metadata.rule
        case "chain": return metadata.chain
        default: return nil
        }
    }
}

/// The annotations of all modules.
struct MetadataIndex {
    private struct Entry {
        var annotation: ObjectValue
        var scope: String
        var module: Int
        /// The row of the rule it belongs to.
        var row: Int
    }

    private var packages: [[String]: [ObjectValue]] = [:]
    private var subpackages: [[String]: [ObjectValue]] = [:]
    private var rules: [Entry] = []
    private let isEmpty: Bool
    private var documents: [[Value]: [ObjectValue]] = [:]

    /// Reads the annotations; `parse` reads YAML.
    init(_ modules: [Module], parse: (String) -> Value?) {
        isEmpty = modules.allSatisfy { $0.metadata.isEmpty }
        guard !isEmpty else { return }
        for (number, module) in modules.enumerated() {
            for block in module.metadata {
                guard case .object(let fields)? = parse(block.text) else { continue }
                let next = module.rules.filter { $0.location.row >= block.row }.min {
                    $0.location.row < $1.location.row
                }
                let forPackage = module.packageLocation.row >= block.row
                var scope = forPackage ? "package" : "rule"
                if case .string(let text)? = fields["scope"] { scope = text.string }
                let annotation = Self.complete(fields, scope)
                switch scope {
                case "package": packages[module.package, default: []].append(annotation)
                case "subpackages": subpackages[module.package, default: []].append(annotation)
                default:
                    guard let next else { continue }
                    if scope == "document" {
                        documents[Self.path(module, next), default: []].append(annotation)
                    } else {
                        rules.append(
                            Entry(annotation: annotation, scope: scope, module: number, row: next.location.row))
                    }
                }
            }
        }
    }

    private static func complete(_ fields: ObjectValue, _ scope: String) -> ObjectValue {
        var pairs = zip(fields.keys, fields.values).map { (key: $0, value: $1) }
        for (index, pair) in pairs.enumerated() {
            if pair.key == .string("authors"), case .array(let authors) = pair.value {
                pairs[index].value = .array(authors.map(author))
            }
        }
        if fields["scope"] == nil { pairs.append((key: .string("scope"), value: .string(scope))) }
        return ObjectValue(pairs)
    }

    /// `Name <mail>` as an object.
    private static func author(_ value: Value) -> Value {
        guard case .string(let text) = value else { return value }
        var words = text.string.split(separator: " ")
        var fields: [(key: Value, value: Value)] = []
        if let last = words.last, last.hasPrefix("<"), last.hasSuffix(">") {
            fields.append((key: .string("email"), value: .string(String(last.dropFirst().dropLast()))))
            words.removeLast()
        }
        if !words.isEmpty { fields.append((key: .string("name"), value: .string(words.joined(separator: " ")))) }
        return .object(ObjectValue(fields))
    }

    private static func path(_ module: Module, _ rule: Rule) -> [Value] {
        let (name, operands) = DocumentTree.parts(of: rule.path)
        var path: [Value] = module.package.map { .string($0) } + [.string(name)]
        for operand in operands {
            guard case .scalar(let key) = operand.kind else { break }
            path.append(key)
        }
        return path
    }

    /// What the calls in a rule give.
    func metadata(of rule: Rule, in module: Module, _ number: Int) -> RuleMetadata {
        let own = rules.filter { $0.module == number && $0.row == rule.location.row }.map(\.annotation)
        let path = Self.path(module, rule)
        func link(_ path: [Value], _ annotation: ObjectValue?) -> Value {
            var fields = [(key: Value.string("path"), value: Value.array(path))]
            if let annotation { fields.append((key: .string("annotations"), value: .object(annotation))) }
            return .object(ObjectValue(fields))
        }
        var chain = own.isEmpty ? [link(path, nil)] : own.map { link(path, $0) }
        chain += (documents[path] ?? []).map { link(path, $0) }
        let package: [Value] = module.package.map { .string($0) }
        chain += (packages[module.package] ?? []).map { link(package, $0) }
        for length in stride(from: module.package.count, through: 1, by: -1) {
            let prefix = Array(module.package.prefix(length))
            chain += (subpackages[prefix] ?? []).map { link(prefix.map { .string($0) }, $0) }
        }
        return RuleMetadata(
            rule: own.first.map(Value.object) ?? .object(ObjectValue([])), chain: .array(chain))
    }
}
