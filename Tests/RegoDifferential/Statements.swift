extension TermGenerator {
    /// One expression of a body that gives one value or holds; it may bring variables into scope.
    mutating func statement(_ depth: Int) -> String {
        switch random.below(14) {
        case 0...3: return assignment(depth)
        case 4...6: return guardExpression(depth)
        case 7: return every(depth)
        case 8: return unification(depth)
        case 9, 10: return modified(depth)
        case 11:
            mark("negation")
            return "not \(random.pick(["input.off", "input.missing.deep", "false", "data.base.limit == -1"]))"
        case 12:
            mark("some declaration")
            if nesting > 0, !dares() { return assignment(depth) }
            let name = fresh()
            let kind = scalarKind()
            let value = term(kind, depth)
            variables.append(Source(text: name, kind: kind, construct: "local variable"))
            return "some \(name); \(name) = \(value)\(mention(name, kind))"
        default: return guardExpression(depth)
        }
    }

    private mutating func assignment(_ depth: Int) -> String {
        mark("assignment")
        if random.chance(12) {
            mark("assignment to an array pattern")
            let (left, right) = (scalarKind(), scalarKind())
            let values = "[\(term(left, depth)), \(term(right, depth))]"
            let names = (fresh(), fresh())
            bind(names.0, left)
            bind(names.1, right)
            return "[\(names.0), \(names.1)] := \(values)"
        }
        let kind = random.chance(60) ? scalarKind() : random.chance(30) ? .person : collectionKind()
        let value = term(kind, depth)
        let name = fresh()
        bind(name, kind)
        return "\(name) := \(value)"
    }

    /// An expression that uses a variable: one that is declared and not used is an error, which is kept rare.
    private mutating func mention(_ name: String, _ kind: Kind) -> String {
        if random.below(1000) < 3 {
            mark("declared variable that may be unused")
            return ""
        }
        switch kind {
        case .integer, .number: return "; \(name) < 1000000"
        case .string: return "; \(name) != \"no such text\""
        case .person: return "; \(name).age > 0"
        case .bool: return "; is_boolean(\(name))"
        default: return "; count(\(name)) >= 0"
        }
    }

    mutating func bind(_ name: String, _ kind: Kind) {
        variables.append(Source(text: name, kind: kind, construct: "local variable"))
    }

    mutating func scalarKind() -> Kind { random.pick([.integer, .integer, .number, .string, .string, .bool]) }

    /// An expression that may hold in many ways; it brings a variable into scope.
    mutating func iteration(_ depth: Int, within comprehension: String = "") -> String {
        // regopy gives members of sets and objects in no order, and refuses keys in comprehensions of arrays and sets.
        let ordered = comprehension == "array" && !dares()
        let keyed = comprehension.isEmpty || comprehension == "object" || dares()
        let member = random.pick([Kind.integer, .string, .person, .integer, .string])
        let name = fresh()
        defer { bind(name, member) }
        switch random.below(10) {
        case 0...2:
            mark("some in")
            let kinds: [Kind] = [.array(member)] + (ordered ? [] : [.set(member), .object(member)])
            let collection = term(random.pick(kinds), depth)
            return "some \(name) in \(collection)\(mention(name, member))"
        case 3 where keyed, 4 where keyed:
            mark("some key, value in")
            let collection = random.pick([Kind.array(member), .object(member), .set(member)])
            let text = term(collection, depth)
            if random.chance(30) { return "some _, \(name) in \(text)\(mention(name, member))" }
            let (key, kind) = (fresh(), collection.key ?? .integer)
            bind(key, kind)
            return "some \(key), \(name) in \(text)\(mention(key, kind))\(mention(name, member))"
        case 5, 6:
            mark("reference with a wildcard")
            return "\(name) := \(reference(to: member, ordered))[_]"
        case 7:
            mark("reference with a variable")
            let key = fresh("i")
            return "some \(key); \(name) := \(reference(to: member, ordered))[\(key)]"
        case 8:
            if nesting > 0, !dares() { return "\(name) := \(reference(to: member, ordered))[_]" }
            mark("unification with a reference")
            return "\(name) = \(reference(to: member, ordered))[_]"
        default:
            mark("nested iteration")
            switch member {
            case .integer: return "\(name) := input.matrix[_][_]"
            case .string: return "\(name) := input.people[_].roles[_]"
            default: return "\(name) := [input.people, data.base.staff][_][_]"
            }
        }
    }

    /// Something that brackets can follow.
    private mutating func reference(to member: Kind, _ ordered: Bool) -> String {
        let sources = (variables + documents + aliases + Documents.paths).filter { source in
            switch source.kind {
            case .array(member): true
            case .set(member), .object(member): !ordered
            default: false
            }
        }
        return sources.isEmpty ? "input.people" : use(random.pick(sources))
    }

    private mutating func every(_ depth: Int) -> String {
        let outer = variables.count
        defer { variables.removeSubrange(outer...) }
        mark("every")
        let member = random.pick([Kind.integer, .string])
        let collection = random.pick([Kind.array(member), .set(member), .object(member)])
        var text = term(collection, depth)
        // regopy refuses `every x in (`.
        if text.hasPrefix("("), !dares() { text = leaf(collection) }
        let name = fresh()
        var names = name
        var keyMention = ""
        if random.chance(40) {
            mark("every with key and value")
            let key = fresh()
            names = "\(key), \(name)"
            bind(key, collection.key ?? .integer)
            keyMention = mention(key, collection.key ?? .integer)
        }
        bind(name, member)
        let often = member == .integer ? "\(name) > -1000" : "count(\(name)) >= 0"
        if random.chance(30) { keyMention += "; \(guardExpression(depth - 1))" }
        return "every \(names) in \(text) { \(often)\(keyMention) }"
    }

    private mutating func unification(_ depth: Int) -> String {
        // regopy finds cycles in unifications within comprehensions.
        if nesting > 0, !dares() { return assignment(depth) }
        mark("unification")
        let (left, right) = (scalarKind(), scalarKind())
        let values = (term(left, depth), term(right, depth))
        let names = (fresh(), fresh())
        defer {
            bind(names.0, left)
            bind(names.1, right)
        }
        switch random.below(6) {
        case 0:
            mark("unification of arrays, variables on both sides")
            return "[\(names.0), \(values.1)] = [\(values.0), \(names.1)]"
        case 1:
            mark("unification of arrays")
            return "[\(names.0), [\(names.1), 1]] = [\(values.0), [\(values.1), 1]]"
        case 2:
            mark("unification of objects, variables on both sides")
            return "{\"a\": \(names.0), \"b\": \(values.1)} = {\"a\": \(values.0), \"b\": \(names.1)}"
        case 3:
            mark("unification of objects")
            return "{\"a\": \(names.0), \"b\": {\"c\": \(names.1)}} = {\"a\": \(values.0), \"b\": {\"c\": \(values.1)}}"
        case 4:
            mark("unification of nested collections")
            return "[{\"k\": \(names.0)}, \(names.1)] = [{\"k\": \(values.0)}, \(values.1)]"
        default: return "\(names.0) = \(values.0); \(values.1) = \(names.1)"
        }
    }

    /// An expression with `with`.
    private mutating func modified(_ depth: Int) -> String {
        mark("with")
        let kind = random.pick([Kind.integer, .string, .bool])
        let name = fresh()
        let value: String
        switch random.below(9) {
        case 0...3:
            mark("with input")
            value = "\(term(kind, depth)) with \(replacedInput())"
        case 4, 5:
            mark("with data")
            value = "\(term(kind, depth)) with data.base.limit as \(random.below(9))"
        case 6:
            mark("with several")
            value = "\(term(kind, depth)) with \(replacedInput()) with data.base.label as \"other\""
        case 7:
            mark("with a built-in function replaced by a value")
            let call = builtin("count", [term(.array(.integer), depth)])
            bind(name, .integer)
            return "\(name) := \(call) with count as \(random.below(9))"
        default: return mocked(name, depth)
        }
        bind(name, kind)
        return "\(name) := \(value)"
    }

    private mutating func mocked(_ name: String, _ depth: Int) -> String {
        let pairs = functions.flatMap { one in
            functions.filter {
                one.name != $0.name && one.arguments == $0.arguments && one.result == $0.result && $0.isTotal
            }
            .map { (one, $0) }
        }
        if let (one, other) = pairs.isEmpty ? nil : random.pick(pairs) {
            mark("with a function replaced by a function")
            let arguments = one.arguments.map { term($0, depth - 1) }.joined(separator: ", ")
            bind(name, one.result)
            return "\(name) := \(one.name)(\(arguments)) with \(one.name) as \(other.name)"
        }
        if let function = functions.first(where: { $0.arguments == [.string] && $0.result == .string && $0.isTotal }) {
            mark("with a built-in function replaced by a function")
            let call = builtin("upper", [term(.string, depth)])
            bind(name, .string)
            return "\(name) := \(call) with upper as \(function.name)"
        }
        if let function = functions.first {
            mark("with a function replaced by a value")
            let arguments = function.arguments.map { term($0, depth - 1) }.joined(separator: ", ")
            let value = constant(function.result)
            bind(name, function.result)
            return "\(name) := \(function.name)(\(arguments)) with \(function.name) as \(value)"
        }
        mark("with input")
        bind(name, .integer)
        return "\(name) := input.n with input.n as 3"
    }

    private mutating func replacedInput() -> String {
        // regopy crashes at times where the whole input is replaced.
        switch random.below(dares() ? 6 : 5) {
        case 0, 1: return "input.n as \(random.below(30))"
        case 2: return "input.s as \"\(random.pick(Documents.words))\""
        case 3: return "input.list as [\(random.below(5)), 8]"
        case 4: return "input.user.name as \"\(random.pick(Documents.words))\""
        default:
            mark("with the whole input")
            return "input as {\"n\": \(random.below(9)), \"s\": \"z\", \"list\": [1], \"words\": [\"w\"], \"b\": true}"
        }
    }
}
