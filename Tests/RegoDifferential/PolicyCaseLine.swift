import Rego

extension PolicyCase {
    /// The case and what our implementation makes of it, as one line of JSON. `failing` is the first failure of a
    /// built-in function, which leaves its expression undefined.
    func evaluatedLine() -> [UInt8] {
        let outcome = Outcome(self)
        let fields = Value.fields([
            "number": .int(number),
            "modules": .array(modules.map { .string($0) }),
            "v0": .bool(isV0),
            "input": .string(input),
            "data": .string(data),
            "query": .string(query),
            "constructs": .array(constructs.map { .string($0) }),
            "ours": outcome.document,
            "failing": .string(Outcome(self, strict: true).failure),
        ])
        return fields.json(escapingHTML: false) + [10]
    }

    /// Reads what `line` wrote, or what a person wrote like it: modules and query are needed, the rest may be missing.
    init?(line: String) {
        guard case .object(let fields)? = try? JSONReader.parse(Array(line.utf8)),
            case .array(let modules)? = fields["modules"], case .string(let query)? = fields["query"]
        else { return nil }
        func text(_ name: String) -> String {
            if case .string(let text)? = fields[name] { text.string } else { "{}" }
        }
        self.init(
            number: 0, modules: modules.compactMap { if case .string(let text) = $0 { text.string } else { nil } },
            input: text("input"), data: text("data"), query: query.string, isV0: fields["v0"] == .bool(true))
    }
}
