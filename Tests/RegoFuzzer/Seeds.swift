import Foundation
import Fuzzing
import Rego

/// The first corpus: the cases of the vectors, and a call of each builtin.
enum Seeds {
    static func write(vectors: String, folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var seeds = builtIn
        if FileManager.default.fileExists(atPath: vectors) {
            let root = URL(fileURLWithPath: vectors).appendingPathComponent("rego")
            seeds += try compliance(root.appendingPathComponent("opa-compliance.jsonl"))
            seeds += try interpreter(root.appendingPathComponent("interpreter"))
        } else {
            print("no vectors at \(vectors): only the built-in seeds")
        }
        for (number, seed) in seeds.enumerated() {
            try Data(seed.encoded).write(to: URL(fileURLWithPath: "\(folder)/seed-\(number)"))
        }
        print("\(seeds.count) seeds")
    }

    private static func seed(_ fields: Value, _ flags: FuzzCase.Flags) -> FuzzCase? {
        guard case .object(let fields) = fields else { return nil }
        func bytes(_ value: Value?) -> [UInt8] {
            if case .string(let text)? = value { Array(text.string.utf8) } else { [] }
        }
        func document(_ value: Value?) -> [UInt8] { value?.json(escapingHTML: false) ?? [] }
        var modules: [[UInt8]] = []
        if case .array(let sources)? = fields["modules"] { modules = sources.map { bytes($0) } }
        var input = document(fields["input"])
        if input.isEmpty { input = bytes(fields["input_term"]) }
        return FuzzCase(
            flags: flags, modules: modules, data: document(fields["data"]), input: input, query: bytes(fields["query"]))
    }

    private static func compliance(_ file: URL) throws -> [FuzzCase] {
        try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).compactMap { line in
            seed(try JSONReader.parse(Array(line)), [])
        }
    }

    /// The cases are YAML, which our own builtin reads.
    private static func interpreter(_ folder: URL) throws -> [FuzzCase] {
        let files =
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path } ?? []
        var options = CompileOptions()
        options.functions = Builtin.documents
        let query = try Policy.compile(modules: [(name: String, source: String)](), options: options)
            .prepare(query: "yaml.unmarshal(input)")
        return try files.flatMap { file -> [FuzzCase] in
            let text = try String(contentsOf: file, encoding: .utf8)
            guard case .object(let fields)? = try query.value(input: .string(text)),
                case .array(let cases)? = fields["cases"]
            else {
                print("\(file.path) is no file of cases")
                return []
            }
            return cases.compactMap { seed($0, .v0) }
        }
    }

    /// What there is without vectors.
    private static var builtIn: [FuzzCase] {
        var random = Xorshift(state: 0x5EED)
        let calls = Fragments.builtins.map { builtin in
            let arguments = (0..<max(builtin.arity, 1)).map { _ in Fragments.value(&random) }
            return FuzzCase(
                flags: .strictBuiltinErrors, modules: [], data: Array("{}".utf8), input: Array("{\"a\": [1]}".utf8),
                query: Array("\(builtin.name)(\(arguments.joined(separator: ", ")))".utf8))
        }
        let policies = Fragments.allRules.enumerated().map { number, rule in
            FuzzCase(
                flags: number % 2 == 0 ? [] : [.v0, .futureKeywords, .explains],
                modules: [Array("package p\n\n\(rule)\n".utf8)], data: Array("{\"a\": {\"b\": [1, 2]}}".utf8),
                input: Array("{\"a\": 2, \"xs\": [1, 2]}".utf8), query: Array("data.p".utf8))
        }
        return calls + policies
    }
}
