import WireFormat

/// The ways a PATCH changes an object.
public enum Patch {
    /// Applies a JSON merge patch (RFC 7396).
    ///
    /// - Parameters:
    ///   - patch: The patch; null removes a field.
    ///   - target: The object as it is.
    /// - Returns: The object as the patch wants it.
    public static func merge(_ patch: JSONValue, into target: JSONValue?) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var fields = target?.objectValue ?? [:]
        for (key, change) in changes {
            if change == .null {
                fields.removeValue(forKey: key)
            } else {
                fields[key] = self.merge(change, into: fields[key])
            }
        }
        return .object(fields)
    }

    /// Applies a server-side apply configuration.
    ///
    /// Lists are atomic, as they are for Knative's own resource definitions. Fields that this manager applied before and
    /// leaves out now are removed unless another manager applied them too.
    ///
    /// - Parameters:
    ///   - configuration: What the manager wants.
    ///   - target: The object as it is.
    ///   - manager: The name of the manager.
    ///   - applied: What every manager applied last.
    ///   - force: Whether fields of other managers are taken over.
    /// - Returns: The object as the manager wants it.
    /// - Throws: ``APIFault`` (409) naming the fields that other managers own with other values.
    static func apply(
        _ configuration: JSONValue, to target: JSONValue, manager: String, applied: [String: JSONValue], force: Bool
    ) throws(APIFault) -> JSONValue {
        let wanted = self.leaves(of: configuration)
        let others = applied.filter { $0.key != manager }.mapValues(self.leaves)
        if !force {
            for (other, fields) in others.sorted(by: { $0.key < $1.key }) {
                let clash = wanted.filter { path, value in fields[path].map { $0 != value } ?? false }.keys
                guard let first = clash.min(by: { $0.lexicographicallyPrecedes($1) }) else { continue }
                throw .conflict(
                    configuration.at("metadata", "name")?.stringValue ?? "",
                    "conflict with \"\(other)\": .\(first.joined(separator: "."))")
            }
        }
        var result = target
        if let before = applied[manager] {
            for path in self.leaves(of: before).keys where wanted[path] == nil {
                if others.values.allSatisfy({ $0[path] == nil }) { result = result.setting(path, to: nil) }
            }
        }
        return self.overlay(configuration, on: result)
    }

    private static func overlay(_ top: JSONValue, on bottom: JSONValue?) -> JSONValue {
        guard case .object(let fields) = top, var result = bottom?.objectValue else { return top }
        for (key, value) in fields { result[key] = self.overlay(value, on: result[key]) }
        return .object(result)
    }

    private static func leaves(of value: JSONValue) -> [[String]: JSONValue] {
        guard case .object(let fields) = value, !fields.isEmpty else { return [[]: value] }
        var found: [[String]: JSONValue] = [:]
        for (key, field) in fields {
            for (path, leaf) in self.leaves(of: field) { found[[key] + path] = leaf }
        }
        return found
    }
}
