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
    /// Where a rule stands that annotations belong to.
    private struct Place: Hashable {
        var module: Int
        var row: Int
    }

    /// Annotations that are kept for one place. OPA refuses most that are given twice; here what each rule is told of
    /// them must not grow with the source.
    private static let limit = 16

    private var packages: [[String]: [ObjectValue]] = [:]
    private var subpackages: [[String]: [ObjectValue]] = [:]
    private var rules: [Place: [ObjectValue]] = [:]
    private let isEmpty: Bool
    private var documents: [[Value]: [ObjectValue]] = [:]

    /// Reads the annotations; `parse` reads YAML.
    init(_ modules: [Module], parse: (String) -> Value?) {
        isEmpty = modules.allSatisfy { $0.metadata.isEmpty }
        guard !isEmpty else { return }
        for (number, module) in modules.enumerated() {
            for block in module.metadata {
                guard case .object(let fields)? = parse(block.text) else { continue }
                let next = Self.rule(of: module, from: block.row)
                let forPackage = module.packageLocation.row >= block.row
                var scope = forPackage ? "package" : "rule"
                if case .string(let text)? = fields["scope"] { scope = text.string }
                let annotation = Self.complete(fields, scope)
                switch scope {
                case "package": Self.append(annotation, to: &packages[module.package, default: []])
                case "subpackages": Self.append(annotation, to: &subpackages[module.package, default: []])
                default:
                    guard let next else { continue }
                    if scope == "document" {
                        Self.append(annotation, to: &documents[Self.path(module, next), default: []])
                    } else {
                        let place = Place(module: number, row: next.location.row)
                        Self.append(annotation, to: &rules[place, default: []])
                    }
                }
            }
        }
    }

    private static func append(_ annotation: ObjectValue, to annotations: inout [ObjectValue]) {
        if annotations.count < limit { annotations.append(annotation) }
    }

    /// The first rule at a row or below it; rules are in the order written.
    private static func rule(of module: Module, from row: Int) -> Rule? {
        var (low, high) = (0, module.rules.count)
        while low < high {
            let middle = (low + high) / 2
            if module.rules[middle].location.row < row { low = middle + 1 } else { high = middle }
        }
        return low < module.rules.count ? module.rules[low] : nil
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
        let own = rules[Place(module: number, row: rule.location.row)] ?? []
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
