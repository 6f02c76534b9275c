extension Builtin {
    /// Functions about the language itself; `walk` stands here for its name and for calls through `with`, the engine
    /// walks by itself.
    static let language: [Builtin] = [
        Builtin("walk", 1) { arguments, context throws(Failure) in
            .array(try Walker.pairs(of: arguments.operand(1), context.charge))
        },
        Builtin("rego.parse_module", 2) { arguments, context throws(Failure) in
            let (file, source) = (try arguments.string(1), try arguments.string(2))
            try context.charge(16 * source.utf8.count)
            do throws(RegoErrors) {
                return try Module.parse(source, file: file, options: ParseOptions()).document
            } catch {
                throw .builtin(error.errors.first?.message ?? "cannot be parsed")
            }
        },
    ]
}

/// Objects of the syntax tree, as OPA's JSON has it.
private func node(_ fields: [(String, Value?)]) -> Value {
    .object(ObjectValue(fields.compactMap { name, value in value.map { (key: .string(name), value: $0) } }))
}

private func typed(_ type: String, _ value: Value) -> Value { node([("type", .string(type)), ("value", value)]) }

private func named(_ name: String) -> Value {
    let parts = name.split(separator: ".").map(String.init)
    let path = parts.enumerated().map { typed($0 == 0 ? "var" : "string", .string($1)) }
    return typed("ref", .array(path))
}

extension Module {
    /// The module as `rego.parse_module` gives it.
    fileprivate var document: Value {
        let path = [typed("var", .string("data"))] + package.map { typed("string", .string($0)) }
        let imports = imports.map { node([("path", $0.path.document), ("alias", $0.alias.map { .string($0) })]) }
        return node([
            ("package", node([("path", .array(path))])),
            ("imports", imports.isEmpty ? nil : .array(imports)),
            ("rules", rules.isEmpty ? nil : .array(rules.map(\.document))),
        ])
    }
}

extension Rule {
    fileprivate var document: Value {
        var next: Value?
        for branch in alternatives.reversed() {
            next = node([
                ("body", branch.body.document), ("head", head(value: branch.value)), ("else", next),
            ])
        }
        return node([
            ("body", body.document), ("head", head(value: nil)), ("default", isDefault ? .bool(true) : nil),
            ("else", next),
        ])
    }

    private func head(value other: Term?) -> Value {
        let (name, operands) = DocumentTree.parts(of: path)
        var (key, value, arguments): (Term?, Term?, [Term]) = (nil, nil, [])
        switch head {
        case .value(let term): value = term
        case .contains(let term): key = term
        case .function(let terms, let term): (arguments, value) = (terms, term)
        }
        let reference = [typed("var", .string(name))] + operands.map(\.document)
        return node([
            ("name", .string(name)), ("ref", .array(reference)), ("key", key?.document),
            ("value", (other ?? value)?.document), ("args", arguments.isEmpty ? nil : arguments.documents),
            ("assign", assigns ? .bool(true) : nil),
        ])
    }
}

extension [Term] {
    fileprivate var documents: Value { .array(map(\.document)) }
}

extension [Expression] {
    fileprivate var document: Value {
        if isEmpty {
            return .array([node([("index", .int(0)), ("terms", typed("boolean", .bool(true)))])])
        }
        return .array(enumerated().map { $1.document(index: $0) })
    }
}

extension Expression {
    fileprivate func document(index: Int, negated: Bool = false) -> Value {
        if case .not(let inner) = kind {
            var inner = inner
            inner.modifiers += modifiers
            return inner.document(index: index, negated: true)
        }
        let modifiers = modifiers.map { node([("target", $0.target.document), ("value", $0.value.document)]) }
        return node([
            ("index", .int(index)), ("terms", terms), ("negated", negated ? .bool(true) : nil),
            ("with", modifiers.isEmpty ? nil : .array(modifiers)),
        ])
    }

    private var terms: Value {
        switch kind {
        case .term(let term):
            if case .call(let callee, let arguments) = term.kind {
                return .array([callee.calleeDocument] + arguments.map(\.document))
            }
            return term.document
        case .unify(let left, let right): return .array([named("eq"), left.document, right.document])
        case .assign(let left, let right): return .array([named("assign"), left.document, right.document])
        case .declare(let names): return node([("symbols", .array(names.map { typed("var", .string($0)) }))])
        case .declareIn(let key, let value, let collection):
            let operands = (key.map { [$0] } ?? []) + [value, collection]
            let name = named("internal.member_\(operands.count)")
            return node([("symbols", .array([typed("call", .array([name] + operands.map(\.document)))]))])
        case .every(let key, let value, let collection, let body):
            return node([
                ("key", key?.document ?? .null), ("value", value.document), ("domain", collection.document),
                ("body", body.document),
            ])
        case .not: return .null
        }
    }
}

extension Term {
    fileprivate var calleeDocument: Value {
        if case .variable(let name) = kind { named(name) } else { document }
    }

    fileprivate var document: Value {
        switch kind {
        case .scalar(let value): return typed(value.typeName, value)
        case .variable(let name): return typed("var", .string(name))
        case .reference(let head, let operands):
            return typed("ref", .array([head.document] + operands.map(\.document)))
        case .array(let members): return typed("array", members.documents)
        case .set(let members): return typed("set", members.documents)
        case .object(let pairs):
            return typed("object", .array(pairs.map { .array([$0.key.document, $0.value.document]) }))
        case .arrayComprehension(let term, let body):
            return typed("arraycomprehension", node([("term", term.document), ("body", body.document)]))
        case .setComprehension(let term, let body):
            return typed("setcomprehension", node([("term", term.document), ("body", body.document)]))
        case .objectComprehension(let key, let value, let body):
            return typed(
                "objectcomprehension",
                node([("key", key.document), ("value", value.document), ("body", body.document)]))
        case .call(let callee, let arguments):
            return typed("call", .array([callee.calleeDocument] + arguments.map(\.document)))
        case .template(let parts):
            let values = parts.map { part -> Value in
                switch part {
                case .text(let text): typed("string", .string(text))
                case .term(let term): term.document
                }
            }
            return typed("templatestring", node([("parts", .array(values))]))
        }
    }
}
