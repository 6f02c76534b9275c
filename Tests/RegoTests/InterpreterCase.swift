import Foundation
import Rego
import RegoCrypto
import TestSupport
import Yams

/// One case of the interpreter's suite, from YAML.
struct InterpreterCase {
    var note: String
    var modules: [String]
    var query: String
    var data: [Value]
    var inputs: [Value?]
    /// One wanted result for each input.
    var results: [Value]?
    var wantsNothing: Bool
    var error: String?
    var skip: Bool
    var strict: Bool

    static func all() throws -> [InterpreterCase] {
        let folder = Vectors.url("rego/interpreter")
        let files =
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path } ?? []
        return try files.flatMap { file in
            let text = try String(contentsOf: file, encoding: .utf8)
            let cases = try Yams.load(yaml: text) as? [String: Any]
            let name = file.path.dropFirst(folder.path.count + 1)
            return (cases?["cases"] as? [[String: Any]] ?? []).map { InterpreterCase(String(name), $0) }
        }
    }

    private init(_ file: String, _ fields: [String: Any]) {
        note = "\(file): \(fields["note"] as? String ?? "?")"
        modules = fields["modules"] as? [String] ?? []
        query = fields["query"] as? String ?? ""
        data = fields["data"].map(Self.many) ?? []
        inputs = fields["input"].map { Self.many($0).map { $0 } } ?? [nil]
        results = fields["want_result"].map(Self.many)
        wantsNothing = fields["no_result"] as? Bool ?? false
        error = fields["error"] as? String
        skip = fields["skip"] as? Bool ?? false
        strict = fields["strict"] as? Bool ?? (error != nil)
    }

    /// `many!` holds a value for each input.
    private static func many(_ value: Any) -> [Value] {
        if let fields = value as? [String: Any], let values = fields["many!"] as? [Any] { return values.map(read) }
        return [read(value)]
    }

    private static func read(_ value: Any) -> Value {
        switch value {
        case let bool as Bool: return .bool(bool)
        case let int as Int: return .int(int)
        case let double as Double: return Number(exactly: double).map(Value.number) ?? .null
        case let string as String: return string == "#undefined" ? .string("<undefined>") : .string(string)
        case let list as [Any]: return .array(list.map(read))
        case let fields as [String: Any]:
            if let members = fields["set!"] as? [Any] { return .set(SetValue(members.map(read))) }
            if let pairs = fields["object!"] as? [[String: Any]] {
                return .object(
                    ObjectValue(pairs.map { (key: read($0["key"] ?? ""), value: read($0["value"] ?? "")) }))
            }
            return .object(ObjectValue(fields.map { (key: .string($0), value: read($1)) }))
        case let fields as [AnyHashable: Any]:
            return .object(ObjectValue(fields.map { (key: read($0.base), value: read($1)) }))
        default: return .null
        }
    }

    /// What went other than wanted; nil when nothing did.
    func failure() -> String? {
        do {
            let given = try run()
            if let error { return "gave \(given.map(\.text)) instead of the error \(error)" }
            if wantsNothing { return given.isEmpty ? nil : "gave \(given.map(\.text)), want nothing" }
            guard let results else { return nil }
            return given.count == results.count
                && zip(given, results).allSatisfy({ $0.stringKeyed.isNear($1.stringKeyed) })
                ? nil : "gave \(given.map(\.text)), want \(results.map(\.text))"
        } catch let thrown {
            return error == nil ? "\(thrown)" : nil
        }
    }

    private func run() throws -> [Value] {
        let sources = modules.enumerated().map { (name: "rego_\($0)", source: $1) }
        let policy = try Policy.compile(modules: sources, options: fullOptions(v0: true))
        var context = EvaluationContext()
        context.strictBuiltinErrors = strict
        context.now = Int64(Date().timeIntervalSince1970 * 1e9)
        context.random = { count in (0..<count).map { _ in UInt8.random(in: 0...255) } }
        let prepared = try policy.prepare(query: query)
        var values: [Value] = []
        for input in inputs {
            let document = data.first ?? .object(ObjectValue([]))
            for row in try prepared.evaluate(input: input, data: document, context: context) {
                if !row.bindings.isEmpty {
                    values.append(.object(ObjectValue(row.bindings.map { (key: .string($0.name), value: $0.value) })))
                } else if row.expressions.count == 1, let only = row.expressions.first {
                    values.append(only.value)
                } else {
                    values.append(.array(row.expressions.map(\.value)))
                }
            }
        }
        return values
    }
}

extension Value {
    /// The value with text for the keys of objects: the YAML reader makes all keys text.
    fileprivate var stringKeyed: Value {
        switch self {
        case .array(let members): .array(members.map(\.stringKeyed))
        case .set(let set): .set(SetValue(set.members.map(\.stringKeyed)))
        case .object(let object):
            .object(
                ObjectValue(
                    zip(object.keys, object.values).map { key, value in
                        if case .string = key { return (key: key, value: value.stringKeyed) }
                        return (key: .string(key.text), value: value.stringKeyed)
                    }))
        default: self
        }
    }

    /// Equality, with numbers as near as doubles are: the suite's own implementation reckons in doubles.
    fileprivate func isNear(_ other: Value) -> Bool {
        switch (self, other) {
        case (.number(let one), .number(let other)):
            return one == other || abs(one.double - other.double) <= 1e-12 * max(abs(one.double), abs(other.double))
        case (.number(let one), .string(let text)): return one.description == text.string
        case (.array(let one), .array(let other)):
            return one.count == other.count && zip(one, other).allSatisfy { $0.isNear($1) }
        case (.object(let one), .object(let other)):
            return one.keys == other.keys && zip(one.values, other.values).allSatisfy { $0.isNear($1) }
        default: return self == other
        }
    }
}
