import ArgumentParser
import Foundation
import Rego
import WireFormat

/// `testudo policy explain`: which rule bodies failed, at which expression, with which values.
struct PolicyExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell why a query gives what it gives: each rule body and the expression at which it failed.")

    @OptionGroup var options: PolicyInputOptions
    @Flag(help: "Print JSON instead of text.") var json = false
    @Option(help: ArgumentHelp("Show values below this path as <redacted>, e.g. input.token.", valueName: "path"))
    var secret: [String] = []
    @Option(help: "Record at most this many attempts.") var attempts = 1_000
    @Argument(help: "The query, such as data.policy.allow.") var query: String

    func validate() throws {
        guard (1...1_000_000).contains(attempts) else { throw ValidationError("--attempts is 1 to 1000000.") }
        for path in secret where Self.path(path) == nil {
            throw ValidationError(
                "--secret \(path): a path is a reference such as input.token or input.parts[\"a.b\"].")
        }
    }

    func run() throws { try report().finish() }

    func report() throws -> PolicyReport {
        try PolicyReport.of(json: json) {
            let files = try PolicyFiles(reading: options.data)
            let policy = try Policy.compile(modules: files.modules, options: try options.language.compileOptions())
            let explanation = try policy.prepare(query: query).explain(
                input: try options.inputValue(), data: files.data, limits: options.limits(),
                context: options.context(),
                secrets: secret.compactMap(Self.path), attempts: attempts)
            return PolicyReport(output: json ? Self.fields(explanation).prettyText : text(explanation))
        }
    }

    /// The steps of a path: a reference of `input` or `data` whose operands are constants.
    static func path(_ text: String) -> [Value]? {
        guard let term = try? Term.parse(text) else { return nil }
        switch term.kind {
        case .variable(let name) where name == "input" || name == "data": return [.string(name)]
        case .reference(let head, let operands):
            guard case .variable(let name) = head.kind, name == "input" || name == "data" else { return nil }
            var steps: [Value] = [.string(name)]
            for operand in operands {
                guard case .scalar(let value) = operand.kind else { return nil }
                steps.append(value)
            }
            return steps
        default: return nil
        }
    }

    private func text(_ explanation: Explanation) -> String {
        ShownText.lines("\(query) is \(explanation.value ?? "undefined")\n\(explanation.text)")
    }

    private static func fields(_ explanation: Explanation) -> OrderedJSON {
        let value: [(name: String, value: OrderedJSON)] = explanation.value.map { [("value", .text($0))] } ?? []
        return .fields(
            value + [
                ("attempts", .list(explanation.attempts.map(Self.attempt))),
                ("partial", .value(.bool(explanation.isPartial))),
            ])
    }

    private static func attempt(_ attempt: Attempt) -> OrderedJSON {
        var fields: [(name: String, value: OrderedJSON)] = [
            ("rule", .text(attempt.rule)), ("location", place(attempt.location)),
            ("succeeded", .value(.bool(attempt.succeeded))),
        ]
        if attempt.isDefault { fields.append(("default", .value(.bool(true)))) }
        if let failure = attempt.failure { fields.append(("failure", Self.failure(failure))) }
        if !attempt.attempts.isEmpty { fields.append(("attempts", .list(attempt.attempts.map(Self.attempt)))) }
        return .fields(fields)
    }

    private static func failure(_ failure: Attempt.Failure) -> OrderedJSON {
        var fields: [(name: String, value: OrderedJSON)] = [
            ("location", place(failure.location)), ("expression", .text(failure.expression)),
            ("reason", .text(failure.reason)),
            ("locals", .fields(failure.locals.map { ($0.name, .text($0.value)) })),
        ]
        if let inner = failure.within.first { fields.append(("within", Self.failure(inner))) }
        return .fields(fields)
    }

    private static func place(_ location: Location) -> OrderedJSON {
        .fields([("file", .text(location.file)), ("row", .number(location.row)), ("col", .number(location.column))])
    }
}
