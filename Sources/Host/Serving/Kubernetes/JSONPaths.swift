import WireFormat

extension JSONValue {
    /// The value at the end of a path of object keys.
    func at(_ keys: String...) -> JSONValue? {
        keys.reduce(self) { value, key in value?[key] }
    }

    /// This object with the value at the end of `keys` replaced, or removed for nil; objects on the way are made.
    func setting(_ keys: [String], to value: JSONValue?) -> JSONValue {
        guard let key = keys.first else { return value ?? .null }
        var fields = self.objectValue ?? [:]
        if keys.count == 1 {
            fields[key] = value
        } else if value != nil || fields[key] != nil {
            fields[key] = (fields[key] ?? .object([:])).setting(Array(keys.dropFirst()), to: value)
        }
        return .object(fields)
    }

    /// Replaces the value at the end of a path of object keys, in place.
    mutating func set(_ keys: String..., to value: JSONValue?) {
        self = self.setting(keys, to: value)
    }
}
