import WireFormat

/// A key that may sign reference values: an element of `referenceKeys` in the configuration.
public struct PinnedReferenceKey: Equatable, Sendable {
    /// The public key's file (PEM).
    public var path: String
    /// How the names begin that it may state; empty for any name.
    public var names: [String]

    /// Reads a path, or `{"key": path, "names": [beginnings]}`.
    static func list(
        _ configuration: inout JSONFields, _ absolute: (String) -> String
    ) throws(WireError) -> [PinnedReferenceKey] {
        var keys: [PinnedReferenceKey] = []
        for (index, element) in try configuration.optionalArray("referenceKeys").enumerated() {
            if let path = element.stringValue {
                keys.append(PinnedReferenceKey(path: absolute(path), names: []))
                continue
            }
            var fields = try JSONFields(element, path: "referenceKeys[\(index)]")
            let key = PinnedReferenceKey(path: absolute(try fields.string("key")), names: try fields.strings("names"))
            try fields.finish()
            guard !key.names.isEmpty, !key.names.contains("") else {
                throw fields.refusal("names", "must be beginnings of names, at least one")
            }
            keys.append(key)
        }
        return keys
    }
}
