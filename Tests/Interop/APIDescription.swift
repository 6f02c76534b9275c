import Foundation
import Rego
import WireFormat

/// `docs/api/keybroker.openapi.json`, read as a test needs it.
struct APIDescription: Sendable {
    /// One call.
    struct Operation: Sendable {
        let method: String
        let path: String
        let definition: JSONValue

        /// The call as ``BrokerRoute`` spells it, but for the dots of a rest.
        var name: String { "\(method) \(path)" }
    }

    let document: JSONValue
    let operations: [Operation]
    private let check: PreparedQuery

    private static let methods = ["get", "put", "post", "delete", "patch", "head", "options"]

    init() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../docs/api/keybroker.openapi.json")
        document = try JSONValue.parse(Array(try Data(contentsOf: file)))
        operations = (document["paths"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.flatMap { path, item in
            Self.methods.compactMap { method in
                item[method].map { Operation(method: method.uppercased(), path: path, definition: $0) }
            }
        }
        var options = CompileOptions()
        options.functions = Builtin.documents
        check = try Policy.compile(modules: [("api", "package api")], options: options).prepare(
            query: "[e.error | some e in json.match_schema(input.document, input.schema)[1]]")
    }

    /// The call that a request is meant for; a last name in braces stands for the rest of the path, as names of reference
    /// values may have slashes.
    func operation(_ method: String, _ target: String) -> Operation? {
        let path = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        return operations.first { operation in
            let names = operation.path.split(separator: "/", omittingEmptySubsequences: false)
            let hasRest = names.last == "{name}"
            guard operation.method == method, hasRest ? segments.count >= names.count : segments.count == names.count
            else { return false }
            return zip(names, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
    }

    /// A member, followed to its definition where it is a reference.
    func resolved(_ value: JSONValue?) -> JSONValue? {
        guard let reference = value?["$ref"]?.stringValue else { return value }
        return reference.dropFirst(2).split(separator: "/").reduce(document) { $0?[String($1)] }
    }

    /// What a document breaks of a schema of the description.
    func violations(of schema: JSONValue, in content: JSONValue) throws -> [String] {
        var root = schema.objectValue ?? [:]
        root["components"] = document["components"]
        // As texts: the function takes a value that is a text for the text of a document.
        let input: JSONValue = [
            "document": .string(content.canonicalText), "schema": .string(JSONValue.object(root).canonicalText),
        ]
        var context = EvaluationContext()
        context.strictBuiltinErrors = true
        let answer = try check.value(input: try JSONReader.parse(input.canonicalBytes), context: context)
        guard case .array(let found)? = answer else { return ["the schema cannot be used"] }
        return found.map { if case .string(let text) = $0 { text.string } else { "\($0)" } }
    }
}
