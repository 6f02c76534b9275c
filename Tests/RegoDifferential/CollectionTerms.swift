extension TermGenerator {
    /// An array that is computed.
    mutating func array(_ member: Kind, _ depth: Int) -> String {
        let next = depth - 1
        switch random.below(11) {
        case 0, 1:
            mark("array literal")
            return "[\(terms(member, random.within(0...3), next))]"
        case 2: return builtin("array.concat", [term(.array(member), next), term(.array(member), next)])
        case 3:
            return builtin(
                "array.slice", [term(.array(member), next), String(random.below(2)), String(random.within(1...3))])
        case 4: return builtin("array.reverse", [term(.array(member), next)])
        case 5 where member == .string || dares():
            return builtin("sort", [term(dares() ? .set(member) : .array(member), next)])
        case 6, 7, 8: return comprehension("array", member, depth)
        default:
            switch member {
            case .string:
                switch random.below(4) {
                case 0:
                    return builtin("split", [term(.string, next), random.pick(["\"a\"", "\"\"", "\",\"", "\".\""])])
                case 1: return builtin("regex.split", ["`[aeiou]`", term(.string, next)])
                case 2: return builtin("regex.find_n", ["`[a-z]`", term(.string, next), random.pick(["-1", "2"])])
                default: return builtin("split", ["\"x,y,,z\"", "\",\""])
                }
            case .integer:
                if random.chance(30) { return builtin("indexof_n", [term(.string, next), "\"a\""]) }
                let from = random.within(-3...3)
                return builtin("numbers.range", [String(from), String(from + random.within(-3...5))])
            default: return leaf(.array(member))
            }
        }
    }

    /// A set that is computed.
    mutating func set(_ member: Kind, _ depth: Int) -> String {
        let next = depth - 1
        switch random.below(10) {
        case 0, 1:
            mark("set literal")
            let count = random.within(nestedSets > 0 && !dares() ? 1...3 : 0...3)
            nestedSets += 1
            defer { nestedSets -= 1 }
            return count == 0 ? "set()" : "{\(terms(member, count, next))}"
        case 2, 3, 4:
            let sign = random.pick(["|", "&", "-"])
            mark("set operator \(sign)")
            if random.chance(20) {
                // regopy has other precedences than OPA, where `-` binds tightest and `|` least.
                let other = dares() ? random.pick(["|", "&", "-"]) : sign
                mark("precedence of set operators")
                return "(\(leaf(.set(member))) \(sign) \(leaf(.set(member))) \(other) \(leaf(.set(member))))"
            }
            return "(\(term(.set(member), next)) \(sign) \(term(.set(member), next)))"
        case 5:
            nestedSets += 1
            defer { nestedSets -= 1 }
            return builtin(random.pick(["union", "intersection"]), ["{\(terms(.set(member), 2, next))}"])
        case 6 where member == .string: return builtin("object.keys", [term(.object(.integer), next)])
        default: return comprehension("set", member, depth)
        }
    }

    /// An object that is computed.
    mutating func object(_ member: Kind, _ depth: Int) -> String {
        let next = depth - 1
        switch random.below(10) {
        case 0, 1:
            mark("object literal")
            let keys = ["a", "b", "alice", "x"].prefix(random.within(0...3))
            var pairs = keys.map { "\"\($0)\": \(term(member, next))" }
            if random.chance(20) {
                mark("object literal with a computed key")
                pairs.append("concat(\"\", [\"k\", \(leaf(.string))]): \(term(member, 0))")
            }
            return "{\(pairs.joined(separator: ", "))}"
        case 2: return builtin("object.union", [term(.object(member), next), term(.object(member), next)])
        case 3:
            return builtin(
                random.pick(["object.remove", "object.filter"]),
                [term(.object(member), next), term(random.pick([.array(.string), .set(.string)]), next)])
        case 4: return builtin("object.union_n", ["[\(terms(.object(member), 2, next))]"])
        case 5:
            switch random.below(3) {
            case 0:
                return builtin(
                    "json.remove", [term(.object(member), next), dares() ? "[\"a\", \"b/c\"]" : "[\"a\", \"y/z\"]"])
            case 1: return builtin("json.filter", [term(.object(member), next), "[\"a\", \"x\"]"])
            default:
                let patch = "[{\"op\": \"add\", \"path\": \"/z\", \"value\": \(term(member, 0))}]"
                return builtin("json.patch", [term(.object(member), next), patch])
            }
        default: return comprehension("object", member, depth)
        }
    }

    /// A comprehension with a body of its own.
    private mutating func comprehension(_ shape: String, _ member: Kind, _ depth: Int) -> String {
        mark("\(shape) comprehension")
        let outer = variables.count
        nesting += 1
        defer {
            nesting -= 1
            variables.removeSubrange(outer...)
        }
        var body = [iteration(depth - 1, within: shape)]
        if random.chance(50) { body.append(statement(depth - 2)) }
        let inner = variables[outer...].map(\.text)
        if shape == "object" {
            // Values do not depend on the iteration, so that no two of them meet under one key.
            variables.removeSubrange(outer...)
            let key = fresh()
            body.append("some \(key) in \(leaf(random.pick([.array(.string), .set(.string)])))")
            let value = head(member, 0, [])
            return "{\(key): \(value) | \(body.joined(separator: "; "))}"
        }
        let head = head(member, random.chance(30) ? depth - 2 : 0, inner)
        let text = "\(head) | \(body.joined(separator: "; "))"
        return shape == "array" ? "[\(text)]" : "{\(text)}"
    }

    /// A comprehension's head. In regopy one that is a variable of the outer body makes the comprehension empty.
    private mutating func head(_ kind: Kind, _ depth: Int, _ inner: [String]) -> String {
        let text = term(kind, depth)
        let isOuter = variables.contains { $0.text == text } && !inner.contains(text)
        return isOuter && !dares() ? constant(kind) : text
    }
}
