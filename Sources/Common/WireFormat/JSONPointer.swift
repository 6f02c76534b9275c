/// A place in a JSON document (RFC 6901), such as `/submods/cpu0/ear.status`.
public struct JSONPointer: Sendable, Equatable {
    /// The pointer as it was written.
    public let text: String
    private let tokens: [String]

    /// Reads a pointer: empty for the whole document, else each name behind a slash, `~0` for `~` and `~1` for `/`.
    public init(parsing text: String, field: String) throws(WireError) {
        self.text = text
        guard text.isEmpty || text.hasPrefix("/") else {
            throw WireError(field: field, reason: "must be a JSON pointer, which begins with a slash")
        }
        var tokens: [String] = []
        for token in text.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            var name = ""
            var rest = token[...]
            while let tilde = rest.firstIndex(of: "~") {
                name += rest[..<tilde]
                let next = rest.index(after: tilde)
                guard next < rest.endIndex, rest[next] == "0" || rest[next] == "1" else {
                    throw WireError(field: field, reason: "has a tilde that stands for nothing")
                }
                name += rest[next] == "0" ? "~" : "/"
                rest = rest[rest.index(after: next)...]
            }
            tokens.append(name + rest)
        }
        self.tokens = tokens
    }

    /// What the document has at this place; nil when there is nothing.
    public func value(in document: JSONValue) -> JSONValue? {
        var value = document
        for token in tokens {
            switch value {
            case .object(let members):
                guard let next = members[token] else { return nil }
                value = next
            case .array(let elements):
                guard let index = Int(token), String(index) == token, elements.indices.contains(index) else {
                    return nil
                }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }
}
