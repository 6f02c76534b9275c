import ArgumentParser
import Foundation
import Rego
import RegoCrypto
import WireFormat

/// How the sources of a policy are read and compiled.
struct PolicyLanguageOptions: ParsableArguments {
    @Flag(name: [.customLong("v0"), .customLong("v0-compatible")], help: "Read the sources as Rego v0.")
    var v0 = false
    @Flag(
        name: [.customShort("S"), .customLong("strict")], help: "Unused imports, variables and arguments are errors.")
    var strict = false
    @Flag(help: "Read `not f(input.x)` as OPA 1.x does: undefined when input.x is, instead of true.")
    var opaNegation = false
    @Option(
        help:
            "What query_reference_value answers: a file of `testudo reference-values --file`, or a JSON object, name to value."
    )
    var referenceValues: String?

    /// What the compiler is told, with every function there is.
    func compileOptions() throws -> CompileOptions {
        var options = CompileOptions()
        options.v0 = v0
        options.strict = strict
        options.hoistsNegation = opaNegation
        options.functions = Builtin.documents + Builtin.cryptography + [try referenceValueFunction()]
        return options
    }

    /// Trustee's extension: attestation policies ask for reference values by name.
    private func referenceValueFunction() throws -> Builtin {
        let known = try referenceValues.map { try ReferenceValueLookup(path: $0) }
        return Builtin("query_reference_value", 1) { arguments, _ throws(Builtin.Failure) in
            guard let name = arguments.first, case .string = name else {
                throw .type("operand 1 must be string but got \(arguments.first?.typeName ?? "nothing")")
            }
            return known?.value(name) ?? .null
        }
    }
}

/// What a policy is evaluated against.
struct PolicyInputOptions: ParsableArguments {
    @OptionGroup var language: PolicyLanguageOptions
    @Option(
        name: [.customShort("d"), .customLong("data")],
        help: ArgumentHelp(
            "A policy (.rego), data (.json, .yaml) or a folder of them; PREFIX:FILE puts data below data.PREFIX.",
            valueName: "path"))
    var data: [String] = []
    @Option(
        name: [.customShort("i"), .customLong("input")],
        help: ArgumentHelp("The input, JSON or YAML.", valueName: "file"))
    var input: String?
    @Flag(name: [.customShort("I"), .customLong("stdin-input")], help: "Read the input from standard input.")
    var inputFromStandardInput = false
    @Flag(help: "An error of a built-in function ends the evaluation instead of being undefined.")
    var strictBuiltinErrors = false
    @Option(help: ArgumentHelp("End the evaluation after so many seconds.", valueName: "seconds"))
    var timeout: Double?

    func validate() throws {
        if input != nil, inputFromStandardInput { throw ValidationError("Give either --input or --stdin-input.") }
        if let timeout, !(timeout > 0 && timeout < 1e6) {
            throw ValidationError("--timeout is a number of seconds, above 0 and below 1000000.")
        }
    }

    func limits() -> Limits {
        var limits = Limits.standard
        guard let timeout else { return limits }
        limits.clock = Clock.monotonic
        limits.deadline = Clock.monotonic() + Int64(timeout * 1e9)
        return limits
    }

    /// The bytes of the input and where they came from; nil when there is none.
    func inputBytes() throws -> (bytes: [UInt8], name: String)? {
        if inputFromStandardInput { return (Array(FileHandle.standardInput.readDataToEndOfFile()), "standard input") }
        guard let input else { return nil }
        return (try PolicyFiles.bytes(at: input), input)
    }

    func inputValue() throws -> Value? {
        try inputBytes().map { try PolicyFiles.document($0.bytes, name: $0.name) }
    }

    func context() -> EvaluationContext {
        var context = EvaluationContext()
        context.now = Clock.wall()
        context.random = { count in
            var generator = SystemRandomNumberGenerator()
            return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        }
        context.strictBuiltinErrors = strictBuiltinErrors
        context.print = { text, location in
            let file = location.file.isEmpty ? "query" : location.file
            FileHandle.standardError.write(Data("\(file):\(location.row): \(ShownText.line(text))\n".utf8))
        }
        return context
    }
}

/// The two clocks of an evaluation, in nanoseconds.
enum Clock {
    /// Only goes forward.
    @Sendable static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Since 1970.
    static func wall() -> Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
