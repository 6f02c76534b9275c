import Rego

/// Measures Rego on one core, for scripts/bench: `rego-bench decide POLICY DATA QUERY INPUTS DECISIONS` evaluates a
/// query once for each line of INPUTS and writes what came out to DECISIONS; `rego-bench compile ROUNDS FILE...` compiles
/// the files together. Both print one JSON object.
@main
enum RegoBench {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("decide", 6):
            let decisions = try Decisions(policy: arguments[1], data: arguments[2], query: arguments[3])
            print(try decisions.measure(inputs: arguments[4], output: arguments[5]))
        case ("compile", 3...):
            print(try Compilation(files: Array(arguments[2...])).measure(rounds: Int(arguments[1]) ?? 1))
        default: throw Failure("usage: rego-bench decide POLICY DATA QUERY INPUTS DECISIONS | compile ROUNDS FILE...")
        }
    }
}

/// Why nothing was measured.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
