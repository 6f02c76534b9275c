import Fuzzing
import Rego
import RegoCrypto

/// Pieces of language and hostile values that mutation puts into cases.
enum Fragments {
    static let builtins = Builtin.standard + Builtin.documents + Builtin.cryptography

    private static let words = [
        "package", "import", "as", "default", "else", "not", "some", "with", "null", "true", "false", "in", "every",
        "contains", "if", "data", "input", "_", "x", "y", "p", "q", "f", "set", "rego", "v1", "future", "keywords",
        "internal", "member_2", "member_3", "plus", "or", "and", "walk", "print", "eq", "json", "test",
    ]

    private static let signs = [
        "[", "]", "{", "}", "(", ")", ",", ";", ".", "+", "-", "*", "/", "%", "&", "|", ":", ":=", "=", "==", "!=", "<",
        "<=", ">", ">=", "$\"", "$`", "!", "\n", "#", "\\", "\"", "`", "\u{0}", "\u{FEFF}", "é", "\r",
    ]

    private static let numbers = [
        "0", "1", "2", "3", "7", "64", "100", "255", "256", "1000", "65535", "2147483648", "4294967296",
        "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
        "340282366920938463463374607431768211456", "1e2", "1e18", "1e19", "1e308", "1e309", "1e400", "1e1000",
        "1e100000", "1e1000000000", "1e99999999999999999999", "1e-1", "1e-400", "1e-1000000000", "0.1", "0.5", "1.0",
        "1.5", "3.14159265358979", "0.30000000000000004", "123456789.123456789", "00", "01", ".5", "1.", "1e", "0x10",
        "99999999999999999999999999999999999999999999999999999999999999999999999999999999",
    ]

    private static let strings: [String] = [
        "", "a", "b", "x", "é", "\u{1F600}", "\\u0000", "\\uD800", "\\\\", "\\n", "{", "}", "%", "a,b,c", "a/b/c",
        "%s %d %v %x", "%1000000000d", "%.1000000000f", "%*d", "%[3]d", "%!", "%-+ #010.3v", "%c", "%U", "%q", "%e",
        "(a+)+$", "(a|a)*b", "(((((a*)*)*)*)*)*", "a{1000}{1000}", "[a-z", "(?i)É", "\\\\p{Greek}", "^$", "(?P<n>x)",
        "[[:alpha:]]+", "\\\\b", ".*.*.*=.*", "(?s).*", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        "*.github.com", "{a,{b,c}}", "**", "*", "?", "[!a-z]", "[a-]", "\\\\*", "{a*,b*}**",
        "0.0.0.0/0", "10.0.0.0/8", "10.1.2.3", "::/0", "::1", "2001:db8::/32", "1.2.3.4/33", "256.1.1.1",
        "fe80::1%eth0",
        "10K", "10Ki", "1e3G", "1.5MiB", "-3T", "99999999999999999999E", "1h30m", "-2562047h47m16.854775807s", "1ns",
        "2006-01-02T15:04:05Z07:00", "2020-02-30T25:61:61Z", "2262-04-11T23:47:16.854775807Z", "9999-12-31T23:59:59Z",
        "Jan _2 2006", "UTC", "Europe/Paris", "../../etc/passwd", "Local",
        "1.2.3", "1.0.0-alpha.1+b", "99999999999999999999.0.0", "v1", "1.2",
        "/a/b", "/a~1b/~0", "a/b/*", "/-", "/0", "#/definitions/a", "[1,2", "{\\\"a\\\":1}", "null",
        "YWJj", "YWJj=", "-_-_", "!!!!", "616263", "zz", "a=b&c=%zz", "%41%",
        "a: [1, 2]\\nb: &x {c: d}\\ne: *x", "&a [*a, *a]", "- - - - -", "? a\\n: b", "!!binary aGk=", "<<: *a",
        "|\\n  x",
        "a: &a [x,x]\\nb: &b [*a,*a]\\nc: &c [*b,*b]\\nd: &d [*c,*c]\\ne: [*d,*d]",
        "{{.}}", "{{range .a}}{{.}}{{end}}", "{{if .x}}a{{else}}b{{end}}", "{{printf \\\"%100000d\\\" 1}}", "{{",
        "query { a { b(c: 1) } }", "type Query { a: Int }", "{a{a{a{a{a}}}}}", "fragment F on T { ...F }",
        "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln", "eyJhbGciOiJub25lIn0.e30.", "..", "-----BEGIN CERTIFICATE-----\\nMIIB",
        "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIA==\\n-----END PRIVATE KEY-----", "MIIBAAA=", "MAA=",
    ]

    private static let rules = [
        "p if { x := input.a; x > 1 }", "q contains x if { some x in [1, 2, 3] }",
        "r[k] := v if { some k, v in input }",
        "f(x) := y if { y := x + 1 } else := 0 if { x == 2 } else := 3", "default p := false", "default f(_) := 1",
        "a.b.c := 1", "a.b[x] contains y if { some x, y in data.a }", "p if every k, v in input.xs { k < v }",
        "t := $\"a {input.x} b {1 + 2}\"", "w if p with input as {\"a\": 3} with data.x as 1", "n if not p",
        "u := {k: v | some k; v := input[k]}", "s := {x | x := input[_]} | {1} & {2} - {3}", "z[x] { x := 1 }",
        "l := [x | walk(input, [_, x])]", "p { true } { false }", "import data.a.b as c", "import future.keywords",
        "import rego.v1", "import input.x", "import future.keywords.in", "g(1, [x, {\"a\": y}], _) := x + y",
        "# METADATA\n# title: T\n# scope: rule\n# custom: {a: [1]}\np := rego.metadata.rule()",
        "o := object.get(input, [\"a\"], 1)",
        "m if g with g as f", "c := count({x | some x in numbers.range(1, 100); x % 7 == 0})",
        "e = 1 { true } else = 2",
        "h := sprintf(\"%s %d %v\", [1, \"a\", {2}])",
        "j := json.patch(input, [{\"op\": \"add\", \"path\": \"/a\", \"value\": 1}])",
        "k := graph.reachable({\"a\": [\"b\"], \"b\": [\"a\"]}, {\"a\"})", "v := [y | [x, _] = [1, y]; y = 2 * x]",
    ]

    private static let pieces = [
        " if { true }", " else := 1 if { true }", " with input as {}", " with data.x.y as [1]", " as x", " contains 1",
        "every x in [1] { x }", "some x in input", "some k, v in data", "some x, y", "not x", "x := 1;", "x = y;",
        "1 in [1]", "\"a\", 1 in {\"a\": 1}", "[x | x := 1]", "{x | x := 1}", "{x: 1 | x := 1}", "set()", "{}", "[]",
        "$\"{x} a\"", "$`{x}\n`", "$\"\\{\"", "input.a.b", "data.a[_][x]", "input[\"a\"].b[0]", "-1", "- 1", "x[-1]",
        "f(x)", "a.b.f(x)[0].c", "{1, 2}", "{1: 2,}", "[,]", "{,1}", "(1)", "x == y", "x | y", "[x | y, z]", "{x | y}",
        "{x: y | z}", "{x: y | z, w: 1}", "true", ";", "\n", " # c\n", "\npackage q\n", "\nimport data.q\n", "...",
        "null.a", "\"\".a", "{}.a", "[][0]", "f()", "f(_)", "_", "__local0__", "data", "input", "data.p", "data[x]",
        "walk(input, [p, v])", "internal.member_2(1, [1])", "eq(x, 1)", "plus(1, 2)", "assign(x, 1)",
    ]

    private static let nests = [
        ("[", "]"), ("{", "}"), ("(", ")"), ("{\"a\": ", "}"), ("[x | ", "]"), ("{x | y := ", "}"), ("f(", ")"),
        ("not ", ""), ("-", ""), ("$\"{", "}\""), ("$`{", "}`"), ("x[", "]"), ("1 + ", ""), ("", " + 1"), ("", ".a"),
        ("", "[0]"), ("[1, ", "]"), ("{1 | x := ", "}"), ("every x in [1] { ", " }"), ("count(", ")"),
        ("", " with input as 1"),
        ("some x in ", ""), ("{", ": 1}"), ("\"", "\""), ("", "()"), ("x, ", ""), ("", " | 1"), ("", "{ x }"),
    ]

    private static let documents = [
        "{}", "{\"a\": [1, 2, 3]}", "{\"a\": {\"b\": {\"c\": [null, true, 1.5, \"x\"]}}}", "[]", "null", "1", "\"a\"",
        "{\"a\": [\"b\", \"c\"], \"b\": [\"a\"], \"c\": []}", "{\"xs\": [{\"k\": 1}, {\"k\": 2}], \"x\": {\"y\": 0}}",
        "[[[[[[[[1]]]]]]]]", "{\"$ref\": \"#\"}", "{\"type\": \"object\", \"properties\": {\"a\": {\"$ref\": \"#\"}}}",
        "{\"a\": 1e1000000, \"b\": -0.0, \"c\": 1e-400}", "{\"t\": \"\\uD83D\\uDE00 \\u0000\"}", "{\"a\":1,\"a\":2}",
    ]

    static func word(_ random: inout Xorshift) -> String {
        random.chance(1, in: 3) ? builtins[random.below(builtins.count)].name : words[random.below(words.count)]
    }

    static func sign(_ random: inout Xorshift) -> String { signs[random.below(signs.count)] }

    static func number(_ random: inout Xorshift) -> String { numbers[random.below(numbers.count)] }

    static func string(_ random: inout Xorshift) -> String { "\"\(strings[random.below(strings.count)])\"" }

    static func anyRule(_ random: inout Xorshift) -> String { rules[random.below(rules.count)] }

    /// Rules of each kind, for seeds.
    static var allRules: [String] { rules }

    static func document(_ random: inout Xorshift) -> String { documents[random.below(documents.count)] }

    static func nest(_ random: inout Xorshift) -> (before: String, after: String) { nests[random.below(nests.count)] }

    /// A piece of a document.
    static func json(_ random: inout Xorshift) -> String {
        switch random.below(5) {
        case 0: number(&random)
        case 1: document(&random)
        case 2: "\(string(&random)): \(document(&random)), "
        case 3: ", \(string(&random))"
        default: string(&random)
        }
    }

    /// A piece of a policy.
    static func piece(_ random: inout Xorshift) -> String {
        switch random.below(8) {
        case 0: word(&random)
        case 1: sign(&random)
        case 2: number(&random)
        case 3: string(&random)
        case 4: "\n\(anyRule(&random))\n"
        default: pieces[random.below(pieces.count)]
        }
    }

    /// A value or reference as an argument.
    static func value(_ random: inout Xorshift, depth: Int = 0) -> String {
        switch random.below(depth > 3 ? 8 : 12) {
        case 0: return ["null", "true", "false", "input", "data", "input.a", "set()", "{}", "[]"][random.below(9)]
        case 1, 2: return (random.chance(1, in: 4) ? "-" : "") + number(&random)
        case 3, 4, 5, 6: return string(&random)
        case 7: return document(&random)
        case 8, 9: return "[\(list(&random, depth))]"
        case 10: return "{\(value(&random, depth: depth + 1)), \(list(&random, depth))}"
        default:
            let pairs = (0..<random.below(4)).map { _ in
                "\(string(&random)): \(value(&random, depth: depth + 1))"
            }
            return "{\(pairs.joined(separator: ", "))}"
        }
    }

    private static func list(_ random: inout Xorshift, _ depth: Int) -> String {
        (0..<random.below(5)).map { _ in value(&random, depth: depth + 1) }.joined(separator: ", ")
    }
}
