import ArgumentParser
import Foundation
import Rego

/// `testudo policy bench`: what one decision costs.
struct PolicyBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure a query: time to compile, time of a decision, decisions a second.",
        discussion:
            "A decision reads the input from its bytes and evaluates the query; nothing is kept between decisions.")

    @OptionGroup var options: PolicyInputOptions
    @Flag(help: "Print JSON instead of text.") var json = false
    @Option(help: "How many decisions are measured, after a tenth as many that are not.") var count = 10_000
    @Argument(help: "The query, such as data.policy.allow.") var query: String

    func validate() throws {
        guard (1...100_000_000).contains(count) else { throw ValidationError("--count is 1 to 100000000.") }
    }

    func run() throws { try report().finish() }

    func report() throws -> PolicyReport {
        try PolicyReport.of(json: json) {
            let files = try PolicyFiles(reading: options.data)
            let input = try options.inputBytes()
            let start = Clock.monotonic()
            let policy = try Policy.compile(modules: files.modules, options: try options.language.compileOptions())
            let prepared = try policy.prepare(query: query)
            let compiled = Clock.monotonic() - start
            let times = try measure(prepared, data: files.data, input: input)
            return PolicyReport(output: text(times.sorted(), compiled: compiled, sum: times.reduce(0, +)))
        }
    }

    private func measure(
        _ prepared: PreparedQuery, data: Value, input: (bytes: [UInt8], name: String)?
    ) throws -> [Int64] {
        var context = options.context()
        context.print = nil
        var times: [Int64] = []
        times.reserveCapacity(count)
        for round in -(count / 10)..<count {
            let limits = options.limits()
            let start = Clock.monotonic()
            let value = try input.map { try PolicyFiles.document($0.bytes, name: $0.name) }
            _ = try prepared.evaluate(input: value, data: data, limits: limits, context: context)
            if round >= 0 { times.append(Clock.monotonic() - start) }
        }
        return times
    }

    private func text(_ times: [Int64], compiled: Int64, sum: Int64) -> String {
        func microseconds(_ share: Double) -> Double {
            Double(times[min(Int(Double(times.count) * share), times.count - 1)]) / 1e3
        }
        let rate = Double(times.count) / (Double(max(sum, 1)) / 1e9)
        let figures: [(name: String, unit: String, value: Double)] = [
            ("compile", "ms", Double(compiled) / 1e6), ("p50", "us", microseconds(0.5)),
            ("p90", "us", microseconds(0.9)), ("p99", "us", microseconds(0.99)), ("max", "us", microseconds(1)),
            ("rate", "per_second", rate),
        ]
        if json {
            let fields = figures.map { figure in
                (
                    name: "\(figure.name)_\(figure.unit)",
                    value: OrderedJSON.value(
                        Number(json: String(format: "%.3f", figure.value)).map { .number($0) } ?? .null)
                )
            }
            return OrderedJSON.fields([(name: "decisions", value: .number(times.count))] + fields).prettyText
        }
        let lines = figures.map { figure in
            let name = figure.name.padding(toLength: 11, withPad: " ", startingAt: 0)
            let unit = figure.unit.replacingOccurrences(of: "_", with: " ")
            return "\(name)\(String(format: "%.1f", figure.value)) \(unit)"
        }
        return (["decisions  \(times.count)"] + lines).joined(separator: "\n")
    }
}
