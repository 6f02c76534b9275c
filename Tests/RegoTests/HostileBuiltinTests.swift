import Rego
import RegoCrypto
import Testing

/// Calls that ask for more than any policy needs: each ends in a value, in nothing or in an error, within the limits.
@Suite("Rego builtins under attack", .timeLimit(.minutes(2)))
struct HostileBuiltinTests {
    /// How a query ended: its value's text cut short, `undefined`, or an error's code and message.
    private static func outcome(_ query: String, data: String = "{}", modules: [String] = []) throws -> String {
        var limits = Limits()
        limits.iterations = 300_000
        limits.values = 300_000
        var context = EvaluationContext()
        context.strictBuiltinErrors = true
        let sources = modules.enumerated().map { (name: "m\($0)", source: $1) }
        do {
            let policy = try Policy.compile(modules: sources, options: fullOptions())
            let value = try policy.prepare(query: query).value(
                data: try fromJSON(data), limits: limits, context: context)
            return value.map { String($0.text.prefix(60)) } ?? "undefined"
        } catch let error as RegoError {
            return "\(error.code): \(error.message)"
        } catch let errors as RegoErrors {
            return errors.errors.map { "\($0.code): \($0.message)" }.joined(separator: "; ")
        }
    }

    @Test(arguments: [
        #"1e1000000000 + 1"#,
        #"1e1000000000 * 1e1000000000"#,
        #"1e100000 + 1"#,
        #"1e400 * 1e400"#,
        #"x := 1e100000 * 1e100000"#,
        #"bits.lsh(1, 1000000000000)"#,
        #"bits.lsh(1, 9223372036854775807)"#,
        #"bits.lsh(1, 100000000)"#,
        #"bits.rsh(1, 9223372036854775807)"#,
        #"bits.lsh(1, 1e30)"#,
        #"count(numbers.range(1, 1000000000000))"#,
        #"count(numbers.range(-9223372036854775808, 9223372036854775807))"#,
        #"count(numbers.range_step(1, 1e30, 1))"#,
        #"count(numbers.range(1e30, 2e30))"#,
        #"format_int(1e1000, 2)"#,
        #"format_int(1e100000, 16)"#,
        #"sprintf("%1000000000d", [1])"#,
        #"sprintf("%.1000000000f", [1])"#,
        #"sprintf("%99999999999999999999d", [1])"#,
        #"sprintf("%*d", [1000000000, 1])"#,
        #"sprintf("%.100000e", [1.5])"#,
        #"count(replace("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"))"#,
        #"p := [concat("", [x | some x in numbers.range(1, 300000)])]"#,
        #"net.cidr_expand("0.0.0.0/0")"#,
        #"net.cidr_expand("::/0")"#,
        #"count(net.cidr_expand("10.0.0.0/8"))"#,
        #"count(net.cidr_expand("10.0.0.0/16"))"#,
        #"net.cidr_merge(["0.0.0.0/0", "::/0"])"#,
        #"regex.match("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")"#,
        #"regex.match("(((((a*)*)*)*)*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")"#,
        #"regex.match("((a{0,100}){0,100}){0,100}", "a")"#,
        #"regex.match("a{1000}{1000}", "a")"#,
        #"regex.match("a{1001}", "a")"#,
        #"regex.find_n(".*.*.*=.*", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", -1)"#,
        #"regex.globs_match("a.*.*.*.*.*.*.*.*.*.*b", "a.*.*.*.*.*.*.*.*.*.*.*c")"#,
        #"regex.globs_match("[a-z]+[a-z]+[a-z]+[a-z]+[a-z]+[a-z]+1", "[a-z]+[a-z]+[a-z]+[a-z]+[a-z]+[a-z]+2")"#,
        #"glob.match("**a**a**a**a**a**a**a**a**a**a**b", [], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")"#,
        #"glob.match("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}c", [], "aaaaaaaaaaaaaaaaaaaaaaa")"#,
        #"units.parse("1e1000000000K")"#,
        #"units.parse_bytes("1e1000000000EiB")"#,
        #"units.parse_bytes("99999999999999999999999999999E")"#,
        #"units.parse("1e-1000000000m")"#,
        #"base64.decode("=========")"#,
        #"base64url.decode("a")"#,
        #"hex.decode("0")"#,
        #"time.parse_ns("2006-01-02", "99999999999-01-01")"#,
        #"time.parse_rfc3339_ns("9999-12-31T23:59:59Z")"#,
        #"time.parse_duration_ns("99999999999999999999h")"#,
        #"time.add_date(0, 9223372036854775807, 9223372036854775807, 9223372036854775807)"#,
        #"time.add_date(0, 1000000000000, 0, 0)"#,
        #"time.date(9223372036854775807)"#,
        #"time.date(1e400)"#,
        #"time.clock([0, "../../../etc/passwd"])"#,
        #"time.format([9223372036854775807, "UTC", "2006"])"#,
        #"time.diff(9223372036854775807, -9223372036854775808)"#,
        #"time.weekday(1e1000000000)"#,
        #"semver.compare("99999999999999999999999999.0.0", "1.0.0")"#,
        #"abs(-9223372036854775808)"#,
        #"-9223372036854775808 / -1"#,
        #"-9223372036854775808 % -1"#,
        #"1 % 1e400"#,
        #"1e100000 % 7"#,
        #"round(1e1000000000)"#,
        #"ceil(1e-1000000000)"#,
        #"to_number("1e1000000000")"#,
        #"json.unmarshal("1e1000000000")"#,
        #"yaml.unmarshal("1e1000000000")"#,
        #"1 / 1e-100000"#,
        #"9223372036854775807 * 9223372036854775807 * 9223372036854775807"#,
        #"product([x | some x in numbers.range(1, 20000)])"#,
        #"sum([1e100000, 1e-100000])"#,
        #"count(product([10, 10]))"#,
        #"substring("a", 0, 9223372036854775807)"#,
        #"substring("a", 9223372036854775807, 1)"#,
        #"array.slice([1], -9223372036854775808, 9223372036854775807)"#,
        #"indexof_n("aaaaaa", "")"#,
        #"strings.render_template("{{range .x}}{{range $.x}}{{range $.x}}{{range $.x}}a{{end}}{{end}}{{end}}{{end}}", {"x": numbers.range(1, 300)})"#,
        #"strings.render_template("{{printf \"%1000000000d\" 1}}", {})"#,
        #"json.patch({}, [{"op": "add", "path": "/a/9999999999999999999999", "value": 1}])"#,
        #"json.patch([], [{"op": "add", "path": "/9223372036854775807", "value": 1}])"#,
        #"graph.reachable({"a": ["a"]}, ["a"])"#,
        #"graphql.is_valid("{a{a{a{a{a{a{a", "type Query { a: Query }")"#,
        #"json.match_schema({"a": 1}, {"$ref": "#"})"#,
        #"json.match_schema("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", {"pattern": "(a+)+$"})"#,
        #"json.match_schema(1, {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"})"#,
        #"yaml.unmarshal("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]")"#,
        #"yaml.unmarshal("&a [*a]")"#,
        #"uuid.parse("00000000-0000-0000-0000-000000000000")"#,
        #"rand.intn("a", 1e400)"#,
        #"rand.intn("a", 0)"#,
        #"crypto.x509.parse_certificates("MIIBAAA=")"#,
        #"io.jwt.decode("eyJhbGciOiJub25lIn0.W10.")"#
    ])
    func `x`(query: String) throws { print(query, "=>", try Self.outcome(query)) }
}
