/// A strict decoder of one JSON object: each field is taken once and ``finish()`` refuses what nobody took.
public struct JSONFields {
    /// The place of the object in its document, for errors.
    public let path: String
    private var members: [String: JSONValue]

    /// Starts decoding `value`, which must be an object, at the place called `path` (may be empty).
    public init(_ value: JSONValue, path: String) throws(WireError) {
        guard let members = value.objectValue else {
            throw WireError(field: path.isEmpty ? "document" : path, reason: "must be an object")
        }
        self.members = members
        self.path = path
    }

    /// The place of the member called `key`.
    public func path(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The names that nobody took yet, sorted.
    public var remainingKeys: [String] { members.keys.sorted() }

    /// A refusal of the member called `key`.
    public func refusal(_ key: String, _ reason: String) -> WireError { WireError(field: path(key), reason: reason) }

    /// Takes any value; absent and `null` are nil.
    public mutating func optionalValue(_ key: String) -> JSONValue? {
        let value = members.removeValue(forKey: key)
        return value == .null ? nil : value
    }

    /// Takes any value that is present and not `null`.
    public mutating func value(_ key: String) throws(WireError) -> JSONValue {
        guard let value = optionalValue(key) else { throw refusal(key, "is missing") }
        return value
    }

    /// Takes a text that may be absent.
    public mutating func optionalString(_ key: String) throws(WireError) -> String? {
        guard let value = optionalValue(key) else { return nil }
        guard let text = value.stringValue else { throw refusal(key, "must be a text") }
        return text
    }

    /// Takes a text.
    public mutating func string(_ key: String) throws(WireError) -> String {
        guard let text = try optionalString(key) else { throw refusal(key, "is missing") }
        return text
    }

    /// Takes an integer that may be absent.
    public mutating func optionalInteger(_ key: String) throws(WireError) -> Int64? {
        guard let value = optionalValue(key) else { return nil }
        guard let number = value.integerValue else { throw refusal(key, "must be an integer") }
        return number
    }

    /// Takes an integer.
    public mutating func integer(_ key: String) throws(WireError) -> Int64 {
        guard let number = try optionalInteger(key) else { throw refusal(key, "is missing") }
        return number
    }

    /// Takes an integer within `range`.
    public mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(WireError) -> Int {
        guard let number = Int(exactly: try integer(key)), range.contains(number) else {
            throw refusal(key, "must be between \(range.lowerBound) and \(range.upperBound)")
        }
        return number
    }

    /// Takes a truth value.
    public mutating func bool(_ key: String) throws(WireError) -> Bool {
        guard let flag = try value(key).boolValue else { throw refusal(key, "must be true or false") }
        return flag
    }

    /// Takes a truth value; absent means `fallback`.
    public mutating func bool(_ key: String, default fallback: Bool) throws(WireError) -> Bool {
        guard let value = optionalValue(key) else { return fallback }
        guard let flag = value.boolValue else { throw refusal(key, "must be true or false") }
        return flag
    }

    /// Takes a list.
    public mutating func array(_ key: String) throws(WireError) -> [JSONValue] {
        guard let elements = try value(key).arrayValue else { throw refusal(key, "must be a list") }
        return elements
    }

    /// Takes a list; absent means empty.
    public mutating func optionalArray(_ key: String) throws(WireError) -> [JSONValue] {
        guard let value = optionalValue(key) else { return [] }
        guard let elements = value.arrayValue else { throw refusal(key, "must be a list") }
        return elements
    }

    /// Takes a list of texts.
    public mutating func strings(_ key: String) throws(WireError) -> [String] {
        try texts(try array(key), key)
    }

    /// Takes a list of texts; absent means empty.
    public mutating func optionalStrings(_ key: String) throws(WireError) -> [String] {
        try texts(try optionalArray(key), key)
    }

    /// Takes an object and starts decoding it.
    public mutating func fields(_ key: String) throws(WireError) -> JSONFields {
        try JSONFields(try value(key), path: path(key))
    }

    /// Takes an object that may be absent and starts decoding it.
    public mutating func optionalFields(_ key: String) throws(WireError) -> JSONFields? {
        guard let value = optionalValue(key) else { return nil }
        return try JSONFields(value, path: path(key))
    }

    /// Ends the decoding; members that nobody took are an error, which quotes a short part of the first one's name.
    public func finish() throws(WireError) {
        guard let unknown = members.keys.min() else { return }
        throw refusal(unknown.isEmpty ? "\"\"" : ShownText.cut(unknown, bytes: 64), "is an unknown field")
    }

    private func texts(_ elements: [JSONValue], _ key: String) throws(WireError) -> [String] {
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.stringValue else { throw refusal("\(key)[\(index)]", "must be a text") }
            texts.append(text)
        }
        return texts
    }
}
