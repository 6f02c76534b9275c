/// Orders the expressions of a body so that every variable is bound before it is needed, as OPA does: an expression is
/// ready when what it does not bind itself is bound; of those that are ready the first written comes first.
struct Safety {
    let variables: [VariableInfo]
    private(set) var errors: [RegoError] = []

    init(_ variables: [VariableInfo]) { self.variables = variables }

    /// Orders a body; `safe` gains the variables it binds.
    mutating func order(_ body: [ResolvedExpression], _ safe: inout Set<Int>) -> [ResolvedExpression] {
        var ordered: [ResolvedExpression] = []
        ordered.reserveCapacity(body.count)
        var isPlaced = [Bool](repeating: false, count: body.count)
        // Who waits for a variable, so that each expression is looked at again only when something it needs is bound.
        var waiting: [Int: [Int]] = [:]
        for (number, expression) in body.enumerated() {
            expression.forEachVariable { if !safe.contains($0) { waiting[$0, default: []].append(number) } }
        }
        var pass = Heap(Array(body.indices))
        var next = Heap([])
        while !pass.isEmpty {
            while let number = pass.pop() {
                if isPlaced[number] { continue }
                var expression = body[number]
                guard let outputs = Self.outputs(of: expression, safe, variables) else { continue }
                isPlaced[number] = true
                safe.formUnion(outputs)
                // Closures see what was bound before and by the expression itself.
                orderClosures(in: &expression, safe)
                ordered.append(expression)
                for slot in outputs {
                    for other in waiting.removeValue(forKey: slot) ?? [] where !isPlaced[other] {
                        if other > number { pass.push(other) } else { next.push(other) }
                    }
                }
            }
            pass = next
            next = Heap([])
        }
        if ordered.count < body.count { report(body.indices.filter { !isPlaced[$0] }.map { body[$0] }, safe) }
        return ordered
    }

    private mutating func report(_ expressions: [ResolvedExpression], _ safe: Set<Int>) {
        var bound = safe
        for expression in expressions {
            // What these would bind if the rest were bound is not to blame.
            bound.formUnion(Self.outputs(of: expression, safe, variables, force: true) ?? [])
        }
        let count = errors.count
        reportTemplates(expressions, bound)
        // Each variable once, where it first stands.
        var reported: Set<String> = []
        for candidates in [bound, safe] where errors.count == count {
            for expression in expressions.sorted(by: { $0.location.offset < $1.location.offset }) {
                expression.forEachVariable { slot in
                    let info = variables[slot]
                    guard !candidates.contains(slot), !info.isGenerated, reported.insert(info.name).inserted else {
                        return
                    }
                    errors.append(
                        RegoError(
                            "rego_unsafe_var_error", "var \(info.name) is unsafe\(Self.hint(info.name))",
                            expression.location))
                }
            }
        }
        if errors.count == count, let first = expressions.first {
            errors.append(RegoError("rego_unsafe_var_error", "expression is unsafe", first.location))
        }
    }

    /// A name that would be a keyword after an import.
    private static func hint(_ name: String) -> String {
        guard ["in", "every", "contains", "if"].contains(name) else { return "" }
        return " (hint: `import future.keywords.\(name)` to import a future keyword)"
    }

    /// Variables in template strings that nothing binds have an error of their own.
    private mutating func reportTemplates(_ expressions: [ResolvedExpression], _ bound: Set<Int>) {
        for expression in expressions {
            expression.forEachTemplatePart { closure in
                for slot in closure.captured.sorted() where !bound.contains(slot) && !variables[slot].isGenerated {
                    errors.append(
                        RegoError(
                            "rego_compile_error", "var \(variables[slot].name) is undeclared", closure.value.location))
                }
            }
        }
    }

    /// Reports a head's variables that the body does not bind, at the rule's place or at their own.
    mutating func checkHead(_ terms: [ResolvedTerm], _ safe: Set<Int>, at location: Location? = nil) {
        for term in terms {
            var names: [String] = []
            term.forEachVariable { slot in
                if !safe.contains(slot), !variables[slot].isGenerated { names.append(variables[slot].name) }
            }
            for name in names where !errors.contains(where: { $0.message == "var \(name) is unsafe" }) {
                errors.append(RegoError("rego_unsafe_var_error", "var \(name) is unsafe", location ?? term.location))
            }
        }
    }

    // MARK: closures

    private mutating func orderClosures(in expression: inout ResolvedExpression, _ safe: Set<Int>) {
        switch expression.kind {
        case .term(let term): expression.kind = .term(orderClosures(in: term, safe))
        case .unify(let left, let right):
            expression.kind = .unify(orderClosures(in: left, safe), orderClosures(in: right, safe))
        case .call(let callee, let arguments, let output):
            expression.kind = .call(
                callee, arguments.map { orderClosures(in: $0, safe) },
                output: output.map { orderClosures(in: $0, safe) })
        case .every(let key, let value, let domain, let body, let captured):
            var inner = safe
            if let key { inner.insert(key) }
            inner.insert(value)
            expression.kind = .every(
                key: key, value: value, domain: domain, body: order(body, &inner), captured: captured)
        case .not(let body):
            var inner = safe
            expression.kind = .not(order(body, &inner))
        case .print(let closures): expression.kind = .print(closures.map { order($0, safe) })
        }
    }

    private mutating func orderClosures(in term: ResolvedTerm, _ safe: Set<Int>) -> ResolvedTerm {
        var term = term
        switch term.kind {
        case .constant, .variable, .input, .data: break
        case .reference(let head, let operands):
            term.kind = .reference(orderClosures(in: head, safe), operands.map { orderClosures(in: $0, safe) })
        case .array(let members): term.kind = .array(members.map { orderClosures(in: $0, safe) })
        case .set(let members): term.kind = .set(members.map { orderClosures(in: $0, safe) })
        case .object(let pairs):
            term.kind = .object(
                pairs.map { (key: orderClosures(in: $0.key, safe), value: orderClosures(in: $0.value, safe)) })
        case .comprehension(let closure): term.kind = .comprehension(order(closure, safe))
        case .template(let parts):
            term.kind = .template(
                parts.map { part in
                    if case .term(let closure) = part { .term(order(part: closure, safe)) } else { part }
                })
        }
        return term
    }

    /// A part of a template string: its variables must have been bound outside.
    private mutating func order(part closure: ResolvedClosure, _ safe: Set<Int>) -> ResolvedClosure {
        let count = errors.count
        let ordered = order(closure, safe)
        for index in errors.indices.dropFirst(count) where errors[index].message.hasSuffix(" is unsafe") {
            let name = errors[index].message.dropFirst("var ".count).dropLast(" is unsafe".count)
            errors[index] = RegoError("rego_compile_error", "var \(name) is undeclared", errors[index].location)
        }
        return ordered
    }

    private mutating func order(_ closure: ResolvedClosure, _ safe: Set<Int>) -> ResolvedClosure {
        var closure = closure
        var inner = safe
        closure.body = order(closure.body, &inner)
        checkHead((closure.key.map { [$0] } ?? []) + [closure.value], inner)
        return closure
    }
}

/// Numbers of which the smallest is taken first.
private struct Heap {
    private var numbers: [Int]

    /// Numbers in order.
    init(_ sorted: [Int]) { numbers = sorted }

    var isEmpty: Bool { numbers.isEmpty }

    mutating func push(_ number: Int) {
        numbers.append(number)
        var place = numbers.count - 1
        while place > 0, numbers[(place - 1) / 2] > numbers[place] {
            numbers.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func pop() -> Int? {
        guard let last = numbers.popLast() else { return nil }
        guard let first = numbers.first else { return last }
        numbers[0] = last
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < numbers.count && numbers[child] < numbers[least] {
                least = child
            }
            if least == place { return first }
            numbers.swapAt(place, least)
            place = least
        }
    }
}
