import Glibc
import Rego

/// Writes generated policies, with what our implementation makes of them, as lines of JSON on standard output:
/// `rego-differential COUNT SEED [FIRST]`. A case depends on seed and number only.
@main
enum RegoDifferential {
    static func main() {
        let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        guard numbers.count >= 2, numbers.count == CommandLine.arguments.count - 1 else {
            put("usage: rego-differential COUNT SEED [FIRST]\n", STDERR_FILENO)
            exit(2)
        }
        let first = numbers.count > 2 ? Int(numbers[2]) : 0
        put("rego-differential: seed \(numbers[1])\n", STDERR_FILENO)
        for number in first..<(first + Int(numbers[0])) {
            let policyCase = PolicyCase(seed: numbers[1], number: number)
            let line = Value.fields([
                "number": .int(number),
                "modules": .array(policyCase.modules.map { .string($0) }),
                "v0": .bool(policyCase.isV0),
                "input": .string(policyCase.documents.input),
                "data": .string(policyCase.documents.data),
                "query": .string(policyCase.query),
                "constructs": .array(policyCase.constructs.map { .string($0) }),
                "ours": Outcome(policyCase).document,
            ])
            put(line.json(escapingHTML: false) + [10], STDOUT_FILENO)
        }
    }

    private static func put(_ text: String, _ file: Int32) { put(Array(text.utf8), file) }

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
