import Rego

/// What holds whatever the input. What does not ends the process, which is a finding.
struct Invariants {
    private let sources: [String: [UInt8]]

    private static let codes: Set<String> = [
        "rego_parse_error", "rego_compile_error", "rego_type_error", "rego_unsafe_var_error", "rego_recursion_error",
        "eval_conflict_error", "eval_builtin_error", "eval_type_error", "eval_limit_error",
    ]

    init(_ modules: [(name: String, source: String)], query: String) {
        var sources = ["": Array(query.utf8)]
        for (name, source) in modules { sources[name] = Array(source.utf8) }
        self.sources = sources
    }

    func require(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { fatalError("invariant: \(message())") }
    }

    // MARK: Errors

    func check(_ errors: RegoErrors) {
        require(!errors.errors.isEmpty, "no error among the errors")
        for error in errors.errors { check(error) }
    }

    func check(_ error: RegoError) {
        // Functions that `with` replaces can call themselves: nothing finds that before the evaluation does.
        let isRecursion = error.code == "eval_internal_error" && error.message.hasSuffix("needs itself")
        require(Self.codes.contains(error.code) || isRecursion, "code of \(error)")
        require(!error.message.isEmpty, "error without a message: \(error.code)")
        if let location = error.location { check(location) }
    }

    /// A place lies within its source, and its line and column are those of its offset.
    func check(_ location: Location) {
        if location == Location() { return }
        guard let source = sources[location.file] else { fatalError("invariant: no source \(location.file)") }
        let (start, length) = (location.offset, location.length)
        require(start >= 0 && length >= 0 && start + length <= source.count, "\(location) of \(source.count) bytes")
        let before = source[..<start]
        let line = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let row = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        require(row == location.row && start - line + 1 == location.column, "\(location) is at \(row)")
    }

    func check(_ explanation: Explanation) {
        for attempt in explanation.attempts { check(attempt) }
        _ = explanation.text
    }

    private func check(_ attempt: Attempt) {
        check(attempt.location)
        if let failure = attempt.failure { check(failure.location) }
        for attempt in attempt.attempts { check(attempt) }
    }

    // MARK: Trees

    /// What is printed of a module can be read, and is printed again as it was.
    func check(_ module: Module, _ options: ParseOptions) {
        check(module.packageLocation)
        // Imports change what the words of a v0 module mean; a body alone does not know them.
        guard !options.v0 || module.imports.isEmpty else { return }
        for rule in module.rules {
            check(rule.location)
            switch rule.head {
            case .value(let value): check(value, options)
            case .contains(let key): check(key, options)
            case .function(let arguments, let value): for term in arguments + [value] { check(term, options) }
            }
            check(rule.body, options)
            for alternative in rule.alternatives {
                check(alternative.value, options)
                check(alternative.body, options)
            }
        }
    }

    private func check(_ term: Term, _ options: ParseOptions) {
        check(term.location)
        let text = term.text
        do throws(RegoErrors) {
            let again = try Term.parse(text, options: options).text
            require(again == text, "printed \(text), then \(again)")
        } catch {
            require(isExcused(error, text), "printed \(text), which gives \(error)")
        }
    }

    private func check(_ body: Body, _ options: ParseOptions) {
        for expression in body { check(expression.location) }
        let text = body.text
        if text.isEmpty { return }
        do throws(RegoErrors) {
            let again = try Body.parse(query: text, options: options).text
            require(again == text, "printed \(text), then \(again)")
        } catch {
            require(isExcused(error, text), "printed \(text), which gives \(error)")
        }
    }

    /// Operators are printed as calls, which nest deeper than chains of them; and strings are printed as OPA prints
    /// them, with Go's escapes, of which Rego has not got all.
    private func isExcused(_ errors: RegoErrors, _ text: String) -> Bool {
        errors.errors.allSatisfy { error in
            switch error.message {
            case "nesting too deep", "too complex to parse": true
            case "illegal escape sequence": ["\\x", "\\a", "\\v", "\\U"].contains { text.contains($0) }
            default: false
            }
        }
    }

    // MARK: Values

    /// A value's JSON is read as what was written, and its text is a term.
    func check(_ value: Value) {
        let json = value.json()
        guard json.count < 20_000 else { return }
        do throws(RegoError) {
            let again = try JSONReader.parse(json, limits: JSONLimits(depth: 1_000, bytes: 1 << 20))
            if value.hasOnlyStringKeys {
                require(again.json() == json, "JSON \(String(decoding: json, as: UTF8.self)) changes")
            }
        } catch {
            fatalError("invariant: wrote \(String(decoding: json, as: UTF8.self)), which gives \(error)")
        }
        let text = value.text
        do throws(RegoErrors) {
            let again = try Term.parse(text).text
            require(again == text, "value \(text), then \(again)")
        } catch {
            require(isExcused(error, text), "value \(text) gives \(error)")
        }
    }

    func requireEqual(
        _ first: Result<[PreparedQuery.Row], RegoError>, _ second: Result<[PreparedQuery.Row], RegoError>
    ) {
        switch (first, second) {
        case (.success(let one), .success(let other)):
            require(one.count == other.count, "\(one.count) rows, then \(other.count)")
            for (one, other) in zip(one, other) {
                require(one.expressions.map(\.value) == other.expressions.map(\.value), "expressions differ")
                require(one.bindings.map(\.value) == other.bindings.map(\.value), "bindings differ")
            }
        case (.failure(let one), .failure(let other)): require(one == other, "\(one), then \(other)")
        default: fatalError("invariant: once a value, once an error")
        }
    }
}

extension Value {
    /// Whether JSON holds the value's keys as they are.
    fileprivate var hasOnlyStringKeys: Bool {
        switch self {
        case .array(let members): members.allSatisfy(\.hasOnlyStringKeys)
        case .set(let set): set.members.allSatisfy(\.hasOnlyStringKeys)
        case .object(let object):
            object.keys.allSatisfy { if case .string = $0 { true } else { false } }
                && object.values.allSatisfy(\.hasOnlyStringKeys)
        default: true
        }
    }
}
