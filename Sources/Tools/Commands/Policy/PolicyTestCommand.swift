import ArgumentParser
import Foundation
import Rego
import WireFormat

/// `testudo policy test`: runs the rules whose names begin with `test_`.
struct PolicyTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run test_ rules; tell why each that failed did.",
        discussion: """
            A test passes when its rule is true. Rules named todo_test_ are skipped. Exit status: 0 when all passed, 1 when \
            there is no test, 2 when a test failed or the policy has errors.
            """)

    @OptionGroup var language: PolicyLanguageOptions
    @Flag(name: .shortAndLong, help: "Show tests that passed as well.") var verbose = false
    @Flag(help: "Print JSON instead of text.") var json = false
    @Option(name: [.customShort("r"), .customLong("run")], help: "Only tests whose name contains this text.")
    var chosen: String?
    @Option(help: ArgumentHelp("A test may take so many seconds.", valueName: "seconds")) var timeout = 5.0
    @Argument(help: ArgumentHelp("Policies with tests, data files and folders of them.", valueName: "file"))
    var files: [String]

    func validate() throws {
        guard timeout > 0, timeout < 1e6 else {
            throw ValidationError("--timeout is a number of seconds, above 0 and below 1000000.")
        }
    }

    func run() throws { try report().finish() }

    func report() throws -> PolicyReport {
        try PolicyReport.of(json: json) {
            let tests = try results()
            guard !tests.isEmpty else {
                let places = files.joined(separator: ", ")
                return PolicyReport(
                    complaint: "error: no test in \(places): tests are rules whose names begin with test_", status: 1)
            }
            let failed = tests.contains { $0.outcome == .fail || $0.outcome == .error }
            let text = json ? OrderedJSON.list(tests.map(Self.fields)).prettyText : ShownText.lines(text(tests))
            return PolicyReport(output: text, status: failed ? 2 : 0)
        }
    }

    private func results() throws -> [PolicyTest] {
        let loaded = try PolicyFiles(reading: files)
        let options = try language.compileOptions()
        var errors: [RegoError] = []
        var modules: [Module] = []
        for (name, source) in loaded.modules {
            do throws(RegoErrors) {
                modules.append(try Module.parse(source, file: name, options: ParseOptions(v0: options.v0)))
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else { throw RegoErrors(errors) }
        let policy = try Policy.compile(modules: modules, options: options)
        let runner = PolicyTestRun(policy: policy, data: loaded.data, timeout: Int64(timeout * 1e9))
        return PolicyTestRun.tests(in: modules).filter { test in chosen.map { test.name.contains($0) } ?? true }
            .map(runner.run)
    }

    private func text(_ tests: [PolicyTest]) -> String {
        var lines: [String] = []
        for test in tests where verbose || test.outcome != .pass {
            let place = "\(test.location.file):\(test.location.row)"
            lines.append("\(place): \(test.name): \(test.outcome.rawValue) (\(Self.milliseconds(test.duration)) ms)")
            lines += (test.printed + test.reason.split(separator: "\n").map(String.init)).map { "  \($0)" }
        }
        if !lines.isEmpty { lines.append(String(repeating: "-", count: 80)) }
        for outcome in [PolicyTest.Outcome.pass, .fail, .error, .skip] {
            let count = tests.count { $0.outcome == outcome }
            if count > 0 { lines.append("\(outcome.rawValue): \(count)/\(tests.count)") }
        }
        return lines.joined(separator: "\n")
    }

    private static func milliseconds(_ nanoseconds: Int64) -> String {
        String(format: "%.2f", Double(nanoseconds) / 1e6)
    }

    private static func fields(_ test: PolicyTest) -> OrderedJSON {
        var fields: [(name: String, value: OrderedJSON)] = [
            (
                "location",
                .fields([
                    ("file", .text(test.location.file)), ("row", .number(test.location.row)),
                    ("col", .number(test.location.column)),
                ])
            ),
            ("package", .text(test.package)),
            ("name", .text(String(test.name.dropFirst(test.package.count).drop { $0 == "." }))),
        ]
        switch test.outcome {
        case .pass: break
        case .fail: fields.append(("fail", .value(.bool(true))))
        case .error: fields.append(("error", .text(test.reason)))
        case .skip: fields.append(("skip", .value(.bool(true))))
        }
        if test.outcome == .fail { fields.append(("reason", .text(test.reason))) }
        fields.append(("duration", .number(Int(test.duration))))
        if !test.printed.isEmpty { fields.append(("output", .list(test.printed.map { .text($0) }))) }
        return .fields(fields)
    }
}
