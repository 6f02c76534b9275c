extension TermGenerator {
    /// A whole number that is computed.
    mutating func integer(_ depth: Int) -> String {
        let next = depth - 1
        switch random.below(17) {
        case 0...3:
            let sign = random.pick(["+", "-", "*"])
            mark("arithmetic \(sign)")
            return "(\(term(.integer, next)) \(sign) \(term(.integer, next)))"
        case 4:
            mark("operator precedence")
            let operators = (0..<3).map { _ in random.pick(["+", "-", "*"]) }
            return "(\(leaf(.integer)) \(operators[0]) \(leaf(.integer)) \(operators[1]) \(leaf(.integer))"
                + " \(operators[2]) \(leaf(.integer)))"
        case 5:
            mark("arithmetic %")
            return "(\(term(.integer, next)) % \(random.within(1...7)))"
        case 6, 7: return builtin("count", [collection(next)])
        case 8: return builtin("count", [term(.string, next)])
        case 9: return builtin(random.pick(["sum", "product"]), [numbers(.integer, next)])
        case 10:
            // An empty collection has neither, so that one member is always there. regopy orders numbers by their digits.
            guard dares() else { return builtin(random.pick(["max", "min"]), ["[\(random.within(1...9)), 5]"]) }
            return builtin(random.pick(["max", "min"]), ["[\(terms(.integer, random.within(1...3), next))]"])
        case 11: return builtin("abs", [term(.integer, next)])
        case 12: return builtin(random.pick(["round", "ceil", "floor"]), [term(.number, next)])
        case 13: return builtin("indexof", [term(.string, next), dares() ? term(.string, next) : "\"a\""])
        case 14:
            return builtin("object.get", [term(.object(.integer), next), term(.string, next), term(.integer, next)])
        case 15:
            switch random.below(dares() ? 4 : 2) {
            case 0: return builtin("to_number", [random.pick(["\"12\"", "\"-3\"", "true", "null", "7"])])
            case 1: return builtin("strings.count", [term(.string, next), "\"a\""])
            case 2: return builtin("semver.compare", [version(), version()])
            default: return builtin("count", ["[\(version()), \(version())]"])
            }
        default:
            let name = random.pick(["bits.and", "bits.or", "bits.xor", "bits.lsh", "bits.rsh"])
            let right = name.hasSuffix("sh") ? String(random.within(0...9)) : term(.integer, 0)
            return builtin(name, [term(.integer, next), right])
        }
    }

    /// A number that may have a fraction.
    mutating func number(_ depth: Int) -> String {
        switch random.below(6) {
        case 0, 1:
            let sign = random.pick(["+", "-", "*"])
            mark("arithmetic \(sign)")
            return "(\(term(.number, depth - 1)) \(sign) \(term(.number, depth - 1)))"
        case 2:
            mark("arithmetic /")
            return "(\(term(.number, depth - 1)) / \(random.pick(["2", "4", "3", "0.5", "-8", "10"])))"
        case 3: return builtin("abs", [term(.number, depth - 1)])
        case 4: return builtin("sum", [numbers(.number, depth - 1)])
        default: return builtin("to_number", [random.pick(["\"1.5\"", "\"-0.25\"", "\"1e2\""])])
        }
    }

    /// A call of a built-in function.
    mutating func builtin(_ name: String, _ arguments: [String]) -> String {
        mark("built-in \(name)")
        return "\(name)(\(arguments.joined(separator: ", ")))"
    }

    /// An array or set of numbers.
    private mutating func numbers(_ kind: Kind, _ depth: Int) -> String {
        term(random.chance(60) ? .array(kind) : .set(kind), depth)
    }

    /// A collection of any kind.
    mutating func collection(_ depth: Int) -> String {
        term(collectionKind(), depth)
    }

    mutating func collectionKind() -> Kind {
        random.pick([
            .array(.integer), .array(.string), .set(.integer), .set(.string), .object(.integer), .object(.string),
            .array(.person), .array(.array(.integer)), .array(.number), .set(.set(.integer)), .set(.array(.integer)),
        ])
    }

    mutating func version() -> String {
        "\"\(random.below(3)).\(random.below(12)).\(random.below(3))\(random.pick(["", "", "-rc.1", "-alpha"]))\""
    }
}
