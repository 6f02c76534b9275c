extension TermGenerator {
    /// A boolean that is computed.
    mutating func bool(_ depth: Int) -> String {
        let next = depth - 1
        switch random.below(16) {
        case 0...2: return comparison(next)
        case 3: return member(next)
        case 4:
            return builtin(
                random.pick(["startswith", "endswith", "contains"]), [term(.string, next), term(.string, next)])
        case 5:
            let names = ["is_number", "is_string", "is_boolean", "is_array", "is_set", "is_object", "is_null"]
            return builtin(random.pick(names), [term(anyKind(), next)])
        case 6:
            return builtin("regex.match", [random.pick(["`^a`", "`b+`", "`^[a-z]*$`", "`.`"]), term(.string, next)])
        case 7:
            return builtin(
                "glob.match", [random.pick(["\"a*\"", "\"*\"", "\"*.b\""]), "[\".\"]", term(.string, next)])
        case 8:
            return builtin(
                random.pick(["strings.any_prefix_match", "strings.any_suffix_match"]),
                [term(.string, next), term(random.pick([.array(.string), .set(.string)]), next)])
        case 9:
            let kind = random.pick([Kind.object(.integer), .set(.integer), .set(.string)])
            return builtin("object.subset", [term(kind, next), term(kind, next)])
        case 10: return builtin("semver.is_valid", [random.chance(60) ? version() : term(.string, next)])
        case 11: return builtin("json.is_valid", [random.pick(["\"{}\"", "\"[1,\"", "`{\"a\": 1}`", "\"7\""])])
        case 12: return builtin("json.is_valid", [term(.string, next)])
        case 13: return builtin("regex.is_valid", [random.pick(["`a(`", "`a+`", "`[b]`"])])
        case 14: return builtin("object.get", ["{\"a\": true}", term(.string, next), term(.bool, next)])
        default: return comparison(next)
        }
    }

    mutating func comparison(_ depth: Int) -> String {
        let isOrder = random.chance(50)
        let sign = random.pick(isOrder ? ["<", "<=", ">", ">="] : ["==", "!="])
        mark("comparison \(sign)")
        if random.chance(6), !isOrder || dares() {
            mark(isOrder ? "order over mixed types" : "equality over mixed types")
            return "(\(term(anyKind(), depth)) \(sign) \(term(anyKind(), depth)))"
        }
        let scalars: [Kind] = [.integer, .integer, .number, .string, .bool]
        let collections: [Kind] = [.array(.integer), .set(.string), .object(.integer)]
        let kind = random.pick(!isOrder || dares() ? scalars + collections : scalars)
        if isOrder, collections.contains(kind) { mark("order of collections") }
        return "(\(term(kind, depth)) \(sign) \(term(kind, depth)))"
    }

    private mutating func member(_ depth: Int) -> String {
        let kind = random.pick([Kind.integer, .string])
        if random.chance(25) {
            mark("membership of key and value")
            let pairs: [(Kind, Kind)] = [(.string, .object(kind)), (.integer, .array(kind))]
            let (key, collection) = random.pick(pairs)
            return "(\(leaf(key)), \(leaf(kind)) in \(term(collection, depth)))"
        }
        mark("membership")
        return "(\(leaf(kind)) in \(term(random.pick([.array(kind), .set(kind), .object(kind)]), depth)))"
    }

    /// An expression that holds more often than not.
    mutating func guardExpression(_ depth: Int) -> String {
        switch random.below(9) {
        case 0:
            mark("comparison >=")
            return "\(builtin("count", [collection(depth)])) >= 0"
        case 1:
            mark("comparison ==")
            let value = leaf(random.pick([.integer, .string, .bool]))
            return "\(value) == \(value)"
        case 2:
            let names: [(String, Kind)] = [
                ("is_number", .integer), ("is_string", .string), ("is_array", .array(.integer)),
            ]
            let (name, kind) = random.pick(names)
            return builtin(name, [term(kind, depth)])
        case 3:
            mark("comparison !=")
            return "\(term(.string, depth)) != \"no such text\""
        case 4:
            mark("negation")
            return "not \(comparison(0)) == 17"
        case 5:
            mark("negation")
            return random.pick([
                "not input.off", "not input.missing", "not data.base.absent.deep", "not \"nobody\" in input.words",
                "not startswith(input.absent, \"a\")", "not count(input.list) > 99", "not input.list[99] == 1",
            ])
        case 6:
            mark("comparison <")
            return "\(leaf(.integer)) < 1000"
        case 7: return bool(depth)
        default:
            mark("comparison of a union")
            return "\(builtin("count", [term(.set(.integer), depth) + " | {1}"])) > 0"
        }
    }
}
