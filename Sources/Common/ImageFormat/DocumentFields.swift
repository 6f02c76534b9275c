import WireFormat

/// Reading of documents of others, whose unknown fields are allowed and ignored.
extension JSONValue {
    func requiredString(_ key: String, _ path: String) throws(WireError) -> String {
        guard let text = self[key]?.stringValue else {
            throw WireError(field: "\(path).\(key)", reason: "missing or not a string")
        }
        return text
    }

    func text(_ key: String, _ path: String) throws(WireError) -> String? {
        guard let value = self[key], value != .null else { return nil }
        guard let text = value.stringValue else { throw WireError(field: "\(path).\(key)", reason: "not a string") }
        return text
    }

    func requiredArray(_ key: String, _ path: String, limit: Int) throws(WireError) -> [JSONValue] {
        guard let array = self[key]?.arrayValue, array.count <= limit else {
            throw WireError(field: "\(path).\(key)", reason: "missing or not a list of at most \(limit)")
        }
        return array
    }

    func strings(_ key: String, _ path: String, limit: Int) throws(WireError) -> [String] {
        guard let value = self[key], value != .null else { return [] }
        var strings: [String] = []
        for element in try self.requiredArray(key, path, limit: limit) {
            guard let text = element.stringValue else {
                throw WireError(field: "\(path).\(key)", reason: "holds something that is not a string")
            }
            strings.append(text)
        }
        return strings
    }

    func stringMap(_ key: String, _ path: String, limit: Int) throws(WireError) -> [String: String] {
        guard let value = self[key], value != .null else { return [:] }
        guard let object = value.objectValue, object.count <= limit else {
            throw WireError(field: "\(path).\(key)", reason: "not an object of at most \(limit) entries")
        }
        var map: [String: String] = [:]
        for (name, element) in object {
            guard let text = element.stringValue else {
                throw WireError(field: "\(path).\(key).\(name)", reason: "not a string")
            }
            map[name] = text
        }
        return map
    }
}
