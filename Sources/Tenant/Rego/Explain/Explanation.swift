/// Why a query gave what it gave: the rule bodies that were tried, nested as they were tried, with the expression at
/// which each failed.
public struct Explanation: Sendable {
    /// What the query's first expression gave, as text, shortened and without secrets; nil when it is undefined.
    public var value: String?
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
        /// Where it stands.
        public var location: Location
        /// The expression as written.
        public var expression = ""
        /// What did not hold, with the values compared.
        public var reason: String
        /// The local variables at that point.
        public var locals: [(name: String, value: String)]
        /// What failed within the expression, when it has a body of its own (`every`); at most one.
        public var within: [Failure] = []

        func write(to lines: inout [String], _ space: String, of rule: String) {
            lines.append(
                "\(space)\(rule) failed at \(location.file):\(location.row):\(location.column): \(expression)")
            // Variables in both are shown where they matter most, at the innermost failure.
            let shown = within.isEmpty ? locals : []
            if within.isEmpty { lines.append("\(space)  because \(reason)") }
            for inner in within { inner.write(to: &lines, space + "  ", of: "its body") }
            for local in shown { lines.append("\(space)  with \(local.name) = \(local.value)") }
        }
    }

    /// The document, e.g. `data.policy.allow`.
    public var rule: String
    /// Where it stands.
    public var location: Location
    /// Whether it is that of a `default` rule.
    public var isDefault = false
    /// Whether the body held.
    public var succeeded = false
    /// The furthest failure; nil when the body succeeded.
    public var failure: Failure?
    /// What this body tried in turn.
    public var attempts: [Attempt] = []

    init(rule: String, location: Location, isDefault: Bool) {
        self.rule = rule
        self.isDefault = isDefault
        self.location = location
    }

    func write(to lines: inout [String], indent: Int) {
        let space = String(repeating: "  ", count: indent)
        if let failure {
            failure.write(to: &lines, space, of: rule)
        } else {
            let place = location.file.isEmpty ? "" : " at \(location.file):\(location.row)"
            let outcome = isDefault ? "took its default" : succeeded ? "succeeded" : "gave nothing"
            lines.append("\(space)\(rule) \(outcome)\(place)")
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
        var open = [value]
        while let current = open.popLast() {
            switch current {
            case .number, .string: values.insert(current)
            case .null, .bool: break
            case .array(let members): open += members
            case .set(let set): open += set.members
            case .object(let object): open += object.keys + object.values
            }
        }
    }

    /// A value as text, shortened, without secrets.
    func text(_ value: Value) -> String {
        var room = Self.longest
        return text(value, &room)
    }

    /// Writes as much as there is room for: values may be large, and failures many.
    private func text(_ value: Value, _ room: inout Int) -> String {
        guard room > 0 else { return "…" }
        let text: String
        switch value {
        case .null, .bool: text = value.text
        case .number, .string:
            let whole = isSecret(value) ? "<redacted>" : value.text
            text = whole.utf8.count <= room ? whole : whole.prefix(room) + "…"
        case .array(let members): return list(members.lazy.map { ($0, nil) }, "[", "]", &room)
        case .set(let set): return list(set.members.lazy.map { ($0, nil) }, "{", "}", &room)
        case .object(let object): return list(zip(object.keys, object.values).lazy.map { ($0, $1) }, "{", "}", &room)
        }
        room -= text.utf8.count
        return text
    }

    private func list(
        _ members: some Sequence<(Value, Value?)>, _ open: String, _ close: String, _ room: inout Int
    ) -> String {
        var parts: [String] = []
        for (first, second) in members {
            guard room > 0 else {
                parts.append("…")
                break
            }
            var part = text(first, &room)
            if let second { part += ": " + text(second, &room) }
            room -= 2
            parts.append(part)
        }
        return open + parts.joined(separator: ", ") + close
    }

    private func isSecret(_ value: Value) -> Bool {
        if values.isEmpty { return false }
        if values.contains(value) { return true }
        guard case .string(let text) = value else { return false }
        return texts.contains { text.string.contains($0) }
    }
}
