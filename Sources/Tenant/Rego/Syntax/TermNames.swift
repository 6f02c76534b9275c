extension Term {
    /// The kind as OPA's messages name it.
    var kindName: String {
        switch kind {
        case .scalar(let value): value.typeName
        case .variable: "var"
        case .reference: "ref"
        case .array: "array"
        case .object: "object"
        case .set: "set"
        case .arrayComprehension: "arraycomprehension"
        case .setComprehension: "setcomprehension"
        case .objectComprehension: "objectcomprehension"
        case .call: "call"
        case .template: "templatestring"
        }
    }
}

extension Term {
    /// The last name of a path.
    var lastName: String? {
        switch kind {
        case .variable(let name): return name
        case .reference(_, let operands):
            if case .scalar(.string(let name))? = operands.last?.kind { return name.string }
            return nil
        default: return nil
        }
    }
}

extension Value {
    /// The value as Rego writes it, e.g. `{"a": [1, "x"]}` or `set()`.
    public var text: String {
        do throws(Builtin.Failure) {
            return try regoText { _ throws(Builtin.Failure) in }
        } catch {
            return "<\(typeName) too large to print>"
        }
    }
}
