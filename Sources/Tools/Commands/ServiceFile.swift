import Foundation
import WireFormat
import Yams

/// The documents of a YAML or JSON file that are Knative Services.
enum ServiceFile {
    /// Reads `path` (`-` for standard input); other kinds are refused by name.
    static func read(_ path: String) throws -> [JSONValue] {
        let text: String
        if path == "-" {
            text = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
        } else {
            text = try StateFolder.text(path, hint: "name a YAML file with a Knative Service")
        }
        guard text.utf8.count <= 1 << 20 else { throw CommandFailure("\(path) is larger than 1 MiB") }
        var services: [JSONValue] = []
        do {
            for node in try Yams.compose_all(yaml: text) {
                let value = try convert(node, path: path, depth: 0)
                if value == .null { continue }
                guard value["kind"]?.stringValue == "Service",
                    value["apiVersion"]?.stringValue == "serving.knative.dev/v1"
                else {
                    let kind = value["kind"]?.stringValue ?? "no kind"
                    throw CommandFailure(
                        "\(path): \(kind) is not a Knative Service", hint: "use apiVersion serving.knative.dev/v1")
                }
                services.append(value)
            }
        } catch let error as YamlError {
            throw CommandFailure("\(path) is not YAML: \(error)")
        }
        guard !services.isEmpty else { throw CommandFailure("\(path) holds no Service") }
        return services
    }

    private static func convert(_ node: Node, path: String, depth: Int) throws -> JSONValue {
        guard depth < 64 else { throw CommandFailure("\(path) is nested too deeply") }
        switch node {
        case .scalar(let scalar):
            if scalar.style == .doubleQuoted || scalar.style == .singleQuoted { return .string(scalar.string) }
            if let bool = node.bool { return .bool(bool) }
            if let integer = node.int { return .integer(Int64(integer)) }
            if let number = node.float { return .number(number) }
            if node.null != nil { return .null }
            return .string(scalar.string)
        case .sequence(let items):
            return .array(try items.map { try convert($0, path: path, depth: depth + 1) })
        case .mapping(let pairs):
            var object: [String: JSONValue] = [:]
            for (key, value) in pairs {
                guard let name = key.string else { throw CommandFailure("\(path): a key is not a string") }
                object[name] = try convert(value, path: path, depth: depth + 1)
            }
            return .object(object)
        case .alias:
            throw CommandFailure("\(path): YAML aliases are not accepted in a Service")
        }
    }
}
