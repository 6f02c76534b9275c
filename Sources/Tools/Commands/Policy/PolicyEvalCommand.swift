import ArgumentParser
import Foundation
import Rego
import WireFormat

/// `testudo policy eval`: one query against policies, data and input.
struct PolicyEvalCommand: ParsableCommand {
    /// How results are printed.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        /// As `opa eval --format json`.
        case json
        /// For people.
        case pretty
        /// The value of the first expression alone, strings without quotes.
        case raw
        /// The values of each row's expressions.
        case values
        /// The bindings of each row.
        case bindings
    }

    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Evaluate a query; prints what `opa eval` prints.",
        discussion: """
            Exit status: 0 when the query was evaluated, also when it is undefined (which prints {}); 1 with --fail when it \
            is undefined and with --fail-defined when it is not; 2 when policy, data or query have errors.
            """)

    @OptionGroup var options: PolicyInputOptions
    @Option(name: [.customShort("f"), .long], help: "How results are printed.") var format = Format.json
    @Flag(help: "Exit 1 when the query is undefined.") var fail = false
    @Flag(help: "Exit 1 when the query is defined.") var failDefined = false
    @Argument(help: "The query, such as data.policy.allow or x := input.y; data.p.q[x].") var query: String

    func run() throws { try report().finish() }

    func report() throws -> PolicyReport {
        try PolicyReport.of(json: format == .json) {
            let files = try PolicyFiles(reading: options.data)
            let policy = try Policy.compile(modules: files.modules, options: try options.language.compileOptions())
            let rows = try policy.prepare(query: query).evaluate(
                input: try options.inputValue(), data: files.data, limits: options.limits(),
                context: options.context())
            let isFailure = rows.isEmpty ? fail : failDefined
            return PolicyReport(output: text(rows), status: isFailure ? 1 : 0)
        }
    }

    private func text(_ rows: [PreparedQuery.Row]) -> String {
        switch format {
        case .json: PolicyOutput.result(rows).prettyText
        case .raw: rows.map(Self.raw).joined(separator: "\n")
        case .values:
            rows.map { row in OrderedJSON.list(row.expressions.map { .value($0.value) }).prettyText }
                .joined(separator: "\n")
        case .bindings:
            rows.map { OrderedJSON.value(PolicyOutput.bindings($0)).prettyText }.joined(separator: "\n")
        case .pretty: pretty(rows)
        }
    }

    private static func raw(_ row: PreparedQuery.Row) -> String {
        row.expressions.map { expression in
            if case .string(let text) = expression.value { return text.string }
            return String(decoding: expression.value.json(escapingHTML: false), as: UTF8.self)
        }.joined(separator: " ")
    }

    private func pretty(_ rows: [PreparedQuery.Row]) -> String {
        if rows.isEmpty { return "undefined" }
        return rows.map { row in
            let lines =
                row.bindings.isEmpty
                ? row.expressions.map { Self.pretty($0.value) }
                : row.bindings.map { "\($0.name) = \(Self.pretty($0.value))" }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n--\n")
    }

    private static func pretty(_ value: Value) -> String {
        ShownText.lines(String(decoding: value.json(pretty: true, escapingHTML: false), as: UTF8.self))
    }
}
