import Glibc
import Rego

/// Writes generated policies, with what our implementation makes of them, as lines of JSON on standard output:
/// `rego-differential COUNT SEED [FIRST]`. A case depends on seed and number only. `rego-differential replay` reads
/// such lines from standard input instead and evaluates them anew.
@main
enum RegoDifferential {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments == ["replay"] { return replay() }
        let numbers = arguments.compactMap { UInt64($0) }
        guard numbers.count == arguments.count, numbers.count == 2 || numbers.count == 3 else {
            put(Array("usage: rego-differential COUNT SEED [FIRST] | rego-differential replay\n".utf8), STDERR_FILENO)
            exit(2)
        }
        let first = numbers.count > 2 ? Int(numbers[2]) : 0
        for number in first..<(first + Int(numbers[0])) {
            put(PolicyCase(seed: numbers[1], number: number).evaluatedLine(), STDOUT_FILENO)
        }
    }

    private static func replay() {
        while let line = readLine() {
            guard let policyCase = PolicyCase(line: line) else { continue }
            put(policyCase.evaluatedLine(), STDOUT_FILENO)
        }
    }

    private static func put(_ bytes: [UInt8], _ file: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            // Nobody reads any more: there is nothing left to do.
            if count <= 0 { exit(1) }
            rest = rest.dropFirst(count)
        }
    }
}
