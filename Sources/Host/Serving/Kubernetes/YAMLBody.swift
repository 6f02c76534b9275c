import WireFormat
import Yams

/// Turns YAML into the JSON that it stands for (YAML 1.2 core schema), with limits against alias bombs.
public enum YAMLBody {
    private static let maximumNodes = 50_000

    /// Parses one YAML document.
    ///
    /// - Parameter text: The document; more than one document is refused.
    /// - Returns: Its JSON value.
    /// - Throws: `WireError` for what is not YAML, has duplicate or non-string keys, or is larger than the limits.
    public static func parse(_ text: String) throws(WireError) -> JSONValue {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw WireError(field: "body", reason: "not one YAML document: \(error)")
        }
        guard let node else { throw WireError(field: "body", reason: "empty YAML document") }
        var left = self.maximumNodes
        return try self.value(of: node, left: &left)
    }

    private static func value(of node: Node, left: inout Int) throws(WireError) -> JSONValue {
        left -= 1
        guard left > 0 else { throw WireError(field: "body", reason: "more than \(self.maximumNodes) YAML nodes") }
        switch node {
        case .scalar(let scalar): return try self.scalar(scalar, tag: node.tag.description)
        case .sequence(let sequence):
            var items: [JSONValue] = []
            for item in sequence { items.append(try self.value(of: item, left: &left)) }
            return .array(items)
        case .mapping(let mapping):
            var fields: [String: JSONValue] = [:]
            for (key, item) in mapping {
                guard case .scalar(let name) = key else {
                    throw WireError(field: "body", reason: "a YAML key is not a string")
                }
                guard fields[name.string] == nil else {
                    throw WireError(field: name.string, reason: "duplicate YAML key")
                }
                fields[name.string] = try self.value(of: item, left: &left)
            }
            return .object(fields)
        case .alias: throw WireError(field: "body", reason: "unresolved YAML alias")
        }
    }

    private static func scalar(_ scalar: Node.Scalar, tag: String) throws(WireError) -> JSONValue {
        switch tag {
        case "tag:yaml.org,2002:null": return .null
        case "tag:yaml.org,2002:bool":
            switch scalar.string.lowercased() {
            case "true": return .bool(true)
            case "false": return .bool(false)
            default: return .string(scalar.string)
            }
        case "tag:yaml.org,2002:int": return Int64(scalar.string).map { .integer($0) } ?? .string(scalar.string)
        case "tag:yaml.org,2002:float": return Double(scalar.string).map { .number($0) } ?? .string(scalar.string)
        default: return .string(scalar.string)
        }
    }
}
