/// Why a query gave what it gave: the rule bodies that were tried, nested as they were tried, with the expression at
/// which each failed.
public struct Explanation: Sendable {
    /// What the query's own body tried, the query first.
    public var attempts: [Attempt]
    /// Whether there were more attempts than were recorded.
    public var isPartial: Bool

    /// The failed attempts as indented text.
    public var text: String {
        var lines: [String] = []
        for attempt in attempts { attempt.write(to: &lines, indent: 0) }
        if isPartial { lines.append("… and more") }
        return lines.joined(separator: "\n")
    }
}

/// One body that was tried.
public struct Attempt: Sendable {
    /// Where and why a body failed.
    public struct Failure: Sendable {
        public var location: Location
        /// The expression as written.
        public var expression = ""
        /// What did not hold, with the values compared.
        public var reason: String
        /// The local variables at that point.
        public var locals: [(name: String, value: String)]
    }

    /// The document, e.g. `data.policy.allow`.
    public var rule: String
    public var location: Location
    public var succeeded = false
    /// The furthest failure; nil when the body succeeded.
    public var failure: Failure?
    /// What this body tried in turn.
    public var attempts: [Attempt] = []

    init(rule: String, location: Location) {
        self.rule = rule
        self.location = location
    }

    func write(to lines: inout [String], indent: Int) {
        let space = String(repeating: "  ", count: indent)
        if let failure {
            let place = "\(failure.location.file):\(failure.location.row):\(failure.location.column)"
            lines.append("\(space)\(rule) failed at \(place): \(failure.expression)")
            lines.append("\(space)  because \(failure.reason)")
            for local in failure.locals { lines.append("\(space)  with \(local.name) = \(local.value)") }
        } else {
            lines.append("\(space)\(rule) \(succeeded ? "succeeded" : "gave nothing")")
        }
        for attempt in attempts { attempt.write(to: &lines, indent: indent + 1) }
    }
}

/// Values that explanations must not show: all that lies under the paths the caller names, and text that holds them.
struct Secrets: Sendable {
    private let values: Set<Value>
    private let texts: [String]
    /// How long a value's text may be.
    private static let longest = 200

    init(_ paths: [[Value]], input: Value?, data: Value) {
        var values: Set<Value> = []
        for path in paths {
            guard let root = path.first else { continue }
            let document: Value? = root == .string("input") ? input : root == .string("data") ? data : nil
            guard let secret = document?.member(at: Array(path.dropFirst())) else { continue }
            Self.collect(secret, into: &values)
        }
        self.values = values
        texts = values.compactMap {
            if case .string(let text) = $0, text.string.utf8.count >= 4 { text.string } else { nil }
        }
    }

    private static func collect(_ value: Value, into values: inout Set<Value>) {
        values.insert(value)
        for member in Walker.members(of: value) {
            if case .object = value { values.insert(member.key) }
            collect(member.value, into: &values)
        }
    }

    /// A value as text, shortened, without secrets.
    func text(_ value: Value) -> String {
        let text = redacted(value).text
        return text.utf8.count <= Self.longest ? text : text.prefix(Self.longest) + "…"
    }

    private func redacted(_ value: Value) -> Value {
        if values.isEmpty { return value }
        if case .bool = value {
        } else if case .null = value {
        } else if values.contains(value) {
            return .string("<redacted>")
        }
        switch value {
        case .string(let text): return texts.contains { text.string.contains($0) } ? .string("<redacted>") : value
        case .array(let members): return .array(members.map(redacted))
        case .set(let set): return .set(SetValue(set.members.map(redacted)))
        case .object(let object):
            return .object(
                ObjectValue(zip(object.keys, object.values).map { (key: redacted($0), value: redacted($1)) }))
        default: return value
        }
    }
}
