/// What went wrong with a policy, in OPA's words for the code.
public struct RegoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// OPA's code: `rego_parse_error`, `rego_compile_error`, `rego_type_error`, `rego_unsafe_var_error`,
    /// `rego_recursion_error`, `eval_conflict_error`, `eval_builtin_error`, `eval_type_error`, `eval_internal_error`,
    /// `eval_cancel_error` and, of our own, `eval_limit_error`.
    public var code: String
    /// What is wrong, in words.
    public var message: String
    /// More about it, line by line: of a type error, what there is and what is wanted.
    public var details: [String]
    /// Where it stands.
    public var location: Location?
    /// The line of the source with a caret below it, when there is a source.
    public var snippet: String

    /// Creates it from its parts.
    public init(
        _ code: String, _ message: String, _ location: Location? = nil, details: [String] = [], snippet: String = ""
    ) {
        self.code = code
        self.details = details
        self.message = message
        self.location = location
        self.snippet = snippet
    }

    /// The text for people.
    public var description: String {
        let place = location.map { "\($0.file.isEmpty ? "policy" : $0.file):\($0.row):\($0.column): " } ?? ""
        let lines = details.map { "\n\t\($0)" }.joined()
        return "\(place)\(code): \(message)\(lines)\(snippet.isEmpty ? "" : "\n\(snippet)")"
    }
}

/// Several errors of one compilation, in the order of their places.
public struct RegoErrors: Error, Sendable, CustomStringConvertible {
    /// One or more.
    public var errors: [RegoError]

    /// Creates it from its parts.
    public init(_ errors: [RegoError]) { self.errors = errors }

    /// The text for people.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
