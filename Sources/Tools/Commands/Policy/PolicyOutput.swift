import Rego
import WireFormat

/// JSON whose members stand in a given order, as `opa` prints its results.
indirect enum OrderedJSON {
    case value(Value)
    case list([OrderedJSON])
    case fields([(name: String, value: OrderedJSON)])

    static func text(_ text: String) -> OrderedJSON { .value(.string(text)) }
    static func number(_ number: Int) -> OrderedJSON { .value(.int(number)) }

    /// The text, members on lines of their own, two spaces in.
    var prettyText: String { ShownText.json(text(indent: "")) }

    private func text(indent: String) -> String {
        let inner = indent + "  "
        switch self {
        case .value(let value):
            // Line ends within strings are escaped: those that are there separate members.
            return String(decoding: value.json(pretty: true), as: UTF8.self)
                .split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n\(indent)")
        case .list(let members):
            if members.isEmpty { return "[]" }
            return "[\n" + members.map { inner + $0.text(indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
        case .fields(let fields):
            if fields.isEmpty { return "{}" }
            let lines = fields.map { field in
                let name = String(decoding: Value.string(field.name).json(), as: UTF8.self)
                return "\(inner)\(name): \(field.value.text(indent: inner))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }
}

/// Results and errors in the shape of `opa eval --format json`.
enum PolicyOutput {
    /// `{"result": [...]}`, or `{}` when the query is undefined.
    static func result(_ rows: [PreparedQuery.Row]) -> OrderedJSON {
        guard !rows.isEmpty else { return .fields([]) }
        return .fields([("result", .list(rows.map(row)))])
    }

    private static func row(_ row: PreparedQuery.Row) -> OrderedJSON {
        let expressions = row.expressions.map { expression in
            OrderedJSON.fields([
                ("value", .value(expression.value)), ("text", .text(expression.text)),
                (
                    "location",
                    .fields([("row", .number(expression.location.row)), ("col", .number(expression.location.column))])
                ),
            ])
        }
        var fields: [(name: String, value: OrderedJSON)] = [("expressions", .list(expressions))]
        if !row.bindings.isEmpty { fields.append(("bindings", .value(bindings(row)))) }
        return .fields(fields)
    }

    /// The bindings of a row as one object.
    static func bindings(_ row: PreparedQuery.Row) -> Value {
        .object(ObjectValue(row.bindings.map { (key: .string($0.name), value: $0.value) }))
    }

    /// `{"errors": [...]}`.
    static func errors(_ errors: [RegoError]) -> OrderedJSON { .fields([("errors", .list(errors.map(error)))]) }

    private static func error(_ error: RegoError) -> OrderedJSON {
        var fields: [(name: String, value: OrderedJSON)] = [("message", .text(error.message))]
        if !error.code.isEmpty { fields.append(("code", .text(error.code))) }
        if let location = error.location {
            fields.append(
                (
                    "location",
                    .fields([
                        ("file", .text(location.file)), ("row", .number(location.row)),
                        ("col", .number(location.column)),
                    ])
                ))
        }
        if error.code == "rego_parse_error", let location = error.location,
            let line = error.snippet.split(separator: "\n", omittingEmptySubsequences: false).first
        {
            fields.append(
                ("details", .fields([("line", .text(String(line))), ("idx", .number(max(location.column - 1, 0)))])))
        }
        return .fields(fields)
    }

    /// Errors for people: place, code, message, the line and a caret.
    static func text(_ errors: [RegoError]) -> String {
        let lines = errors.map { $0.code.isEmpty ? "error: \($0.message)" : $0.description }
        return ShownText.lines(lines.joined(separator: "\n"))
    }
}
