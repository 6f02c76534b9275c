extension TermGenerator {
    /// A string that is computed.
    mutating func string(_ depth: Int) -> String {
        let next = depth - 1
        switch random.below(20) {
        case 0: return builtin(random.pick(["lower", "upper"]), [term(.string, next)])
        case 1, 2: return builtin("concat", [separator(), term(dares() ? .set(.string) : .array(.string), next)])
        case 3:
            let name = random.pick(["trim", "trim_left", "trim_right", "trim_prefix", "trim_suffix"])
            return builtin(name, [term(.string, next), random.pick(["\"a\"", "\"al\"", "\" \"", "\"ob\""])])
        case 4: return builtin("trim_space", [random.pick(["\" a \"", "\"b\\t\"", term(.string, next)])])
        case 5: return builtin("replace", [term(.string, next), random.pick(["\"a\"", "\"b\""]), term(.string, next)])
        case 6:
            return builtin("substring", [term(.string, next), String(random.below(3)), String(random.within(-1...4))])
        case 7, 8: return sprintf(next)
        case 9:
            return builtin(
                "format_int",
                [
                    dares() ? term(.integer, next) : builtin("count", [term(.string, 0)]),
                    random.pick(["8", "10", "16"]),
                ])
        case 10, 11: return template(next)
        case 12:
            return builtin(random.pick(["base64.encode", "hex.encode", "base64url.encode"]), [term(.string, next)])
        case 13: return builtin("urlquery.encode", [term(.string, next)])
        case 14: return builtin("json.marshal", [term(anyKind(), next)])
        case 15: return builtin("type_name", [term(anyKind(), next)])
        case 16: return builtin("strings.reverse", [term(.string, next)])
        case 17:
            switch random.below(4) {
            case 0: return builtin("base64.decode", [random.pick(["\"YQ==\"", "\"aGVsbG8=\"", "\"\""])])
            case 1: return builtin("hex.decode", [random.pick(["\"6162\"", "\"\""])])
            case 2: return builtin("strings.replace_n", ["{\"a\": \"b\", \"o\": \"0\"}", term(.string, next)])
            default:
                return builtin("regex.replace", [term(.string, next), random.pick(["`a`", "`[a-c]+`"]), "\"_\""])
            }
        case 18:
            return builtin("object.get", [term(.object(.string), next), term(.string, next), term(.string, next)])
        default:
            return builtin(random.pick(["max", "min"]), ["[\(terms(.string, random.within(1...3), next))]"])
        }
    }

    private mutating func sprintf(_ depth: Int) -> String {
        // regopy writes computed strings with quotes.
        guard dares() else {
            switch random.below(3) {
            case 0: return builtin("sprintf", ["\"%d-%s\"", "[\(term(.integer, depth)), \(constant(.string))]"])
            case 1: return builtin("sprintf", ["\"<%v|%v>\"", "[\(term(.integer, depth)), \(term(.bool, depth))]"])
            default: return builtin("sprintf", ["\"%d%%\"", "[\(term(.integer, depth))]"])
            }
        }
        switch random.below(5) {
        case 0: return builtin("sprintf", ["\"%d-%s\"", "[\(term(.integer, depth)), \(term(.string, depth))]"])
        case 1: return builtin("sprintf", ["\"<%v>\"", "[\(term(.integer, depth))]"])
        case 2: return builtin("sprintf", ["\"%s %v%%\"", "[\(term(.string, depth)), \(term(.bool, depth))]"])
        case 3: return builtin("sprintf", ["\"%v\"", "[\(collection(depth))]"])
        default: return builtin("sprintf", ["\"%x %05d\"", "[\(term(.integer, depth)), \(term(.integer, depth))]"])
        }
    }

    private mutating func template(_ depth: Int) -> String {
        mark("string interpolation")
        // A string within braces would end the outer one for readers that look for quotes only.
        let kind = random.pick([Kind.integer, .string, .bool, .array(.integer)])
        let value = leaf(kind)
        if value.contains("\"") || value.contains("{") || value.contains("`") { return "$\"n={input.n} {input.s}\"" }
        return random.chance(50) ? "$\"<{\(value)}>\"" : "$\"{\(value)} and {input.n + 1}\""
    }

    mutating func separator() -> String { random.pick(["\",\"", "\"\"", "\" \"", "\"--\""]) }

    /// A kind for functions that take whatever there is.
    mutating func anyKind() -> Kind {
        random.pick([.integer, .string, .bool, .array(.string), .object(.integer), .person, .number, .set(.integer)])
    }
}
