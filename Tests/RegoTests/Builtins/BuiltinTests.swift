import Testing

@testable import Rego

/// Every other family of pure builtins: a call and OPA's answer.
struct BuiltinTests {
    static let numbers = [
        Call("plus", "[1, 2.5]", "3.5"), Call("minus", #"[{"$set": [1, 2]}, {"$set": [2]}]"#, "{1}"),
        Call("minus", #"[1, {"$set": []}]"#, "type: operand 2 must be number but got set"),
        Call("minus", #"[{"$set": [1]}, 1]"#, "type: operand 2 must be set but got number"),
        Call("minus", #"["a", 1]"#, "type: operand 1 must be one of {number, set} but got string"),
        Call("div", "[1, 0]", "builtin: divide by zero"), Call("div", "[6, 3]", "2"), Call("div", "[1, 2]", "0.5"),
        Call("rem", "[1.1, 1]", "builtin: modulo on floating-point number"), Call("rem", "[-7, 3]", "-1"),
        Call("rem", "[7, 0]", "builtin: modulo by zero"), Call("abs", "[-3]", "3"), Call("ceil", "[1.01]", "2"),
        Call("ceil", "[-1.5]", "-1"), Call("floor", "[-1.5]", "-2"), Call("round", "[2.5]", "3"),
        Call("round", "[-2.5]", "-3"),
        Call("mul", "[9223372036854775807, 2]", "18446744073709551614"), Call("bits.and", "[7, 9]", "1"),
        Call("bits.negate", "[42]", "-43"), Call("bits.lsh", "[1, 64]", "18446744073709551616"),
        Call("bits.rsh", "[-8, 1]", "-4"),
        Call("bits.lsh", "[7.2, 42]", "type: operand 1 must be integer number but got floating-point number"),
        Call("bits.lsh", "[1, -1]", "type: operand 2 must be an unsigned integer number but got a negative integer"),
        Call("bits.lsh", "[1, 1000000000000]", "fatal: number is too large"),
        Call("numbers.range", "[2, -1]", "[2, 1, 0, -1]"), Call("numbers.range_step", "[0, 10, 4]", "[0, 4, 8]"),
        Call("numbers.range_step", "[0, 1, 0]", "builtin: numbers.range_step: step must be a positive integer"),
        Call("numbers.range", "[0, 1e30]", "fatal: range is too large"),
        Call("numbers.range", "[9223372036854775807, 9223372036854775807]", "[9223372036854775807]"),
        Call("to_number", #"["3.5"]"#, "3.5"), Call("to_number", "[null]", "0"),
        Call("to_number", #"["x"]"#, #"builtin: strconv.ParseFloat: parsing "x": invalid syntax"#),
        Call("to_number", #"["-Inf"]"#, "type: operand 1 must be valid number string but got string"),
        Call("to_number", "[[]]", "type: operand 1 must be one of {null, boolean, number, string} but got array"),
        Call("format_int", "[15.5, 16]", #""f""#), Call("format_int", "[-5, 2]", #""-101""#),
        Call("format_int", "[1, 3]", "type: operand 2 must be one of {2, 8, 10, 16}"),
        Call("rand.intn", #"["a", 0]"#, "0"),
        Call("rand.intn", #"["a", 1]"#, "builtin: no source of randomness"),
    ]

    static let collections = [
        Call("count", #"["añ"]"#, "2"),
        Call("count", "[null]", "type: operand 1 must be one of {array, object, set, string} but got null"),
        Call("sum", "[[1, 2.5]]", "3.5"), Call("product", #"[{"$set": [2, 3]}]"#, "6"),
        Call("max", "[[]]", "undefined"),
        Call("sum", #"[["a"]]"#, "type: operand 1 must be array of numbers but got array containing string"),
        Call("min", #"[[3, "a", null]]"#, "null"), Call("sort", "[[3, 1, 2]]", "[1, 2, 3]"),
        Call("all", "[[true, 1]]", "false"),
        Call("any", "[[false, true]]", "true"), Call("array.slice", "[[1, 2, 3], -1, 2]", "[1, 2]"),
        Call("array.slice", "[[1, 2, 3], 3, 1]", "[]"), Call("array.reverse", "[[1, 2]]", "[2, 1]"),
        Call("array.flatten", "[[1, [2, [3]]]]", "[1, 2, [3]]"),
        Call("array.concat", "[{}, []]", "type: operand 1 must be array but got object"),
        Call("intersection", #"[{"$set": [{"$set": [1, 2]}, {"$set": [2, 3]}]}]"#, "{2}"),
        Call("union", #"[{"$set": []}]"#, "set()"),
        Call("or", #"[{"$set": [1]}, {"$set": [0, 2]}]"#, "{0, 1, 2}"),
        Call("and", #"[{"$set": [1]}, {"$set": [0]}]"#, "set()"),
        Call("object.get", #"[{"a": [{"b": 1}]}, ["a", 0, "b"], 2]"#, "1"),
        Call("object.get", #"[{"a": 1}, ["a", "b"], 2]"#, "2"),
        Call(
            "object.union", #"[{"a": {"b": 1, "c": 2}, "x": 1}, {"a": {"b": 3}}]"#, #"{"a": {"b": 3, "c": 2}, "x": 1}"#),
        Call("object.union_n", #"[[{"a": {"b": 2}}, {"a": 4}, {"a": {"c": 3}}]]"#, #"{"a": {"c": 3}}"#),
        Call("object.remove", #"[{"a": 1, "b": 2}, ["a"]]"#, #"{"b": 2}"#),
        Call("object.filter", #"[{"a": 1, "b": 2}, {"a": 0}]"#, #"{"a": 1}"#),
        Call("object.filter", #"[{"a": 1}, null]"#, "type: operand 2 must be one of {object, set, array} but got null"),
        Call("object.subset", #"[{"a": {"b": [1, 2, 3], "c": 0}}, {"a": {"b": [2, 3]}}]"#, "true"),
        Call("object.subset", #"[[1, 2, 3], {"$set": [3, 1]}]"#, "true"),
        Call("object.keys", #"[{"b": 1, "a": 2}]"#, #"{"a", "b"}"#),
        Call(
            "object.subset", "[1, []]", "type: both arguments object.subset must be of the same type or array and set"),
        Call("internal.member_2", #"[1, {"a": 1}]"#, "true"), Call("internal.member_3", #"["a", 1, {"a": 1}]"#, "true"),
        Call("json.filter", #"[{"a": {"b": [7, 8], "c": 1}, "d": 2}, ["a/b/1", "/d"]]"#, #"{"a": {"b": [8]}, "d": 2}"#),
        Call(
            "json.remove", #"[{"a": {"b": [7, 8], "c": 1}}, {"$set": ["a/b/0", "x"]}]"#, #"{"a": {"b": [8], "c": 1}}"#),
        Call("json.remove", #"[{"a/b": 1}, ["a~1b"]]"#, "{}"),
        Call(
            "json.remove", #"[{}, [1]]"#,
            "type: operand 2 must be one of {set, array} containing string paths or array of path segments but got number"
        ),
        Call("json.patch", #"[{"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}]]"#, #"{"a": [1, 2]}"#),
        Call("json.patch", #"[{"a": [1, 2]}, [{"op": "replace", "path": "/a/1", "value": 9}]]"#, #"{"a": [1, 9]}"#),
        Call(
            "json.patch",
            #"[{"a": 1}, [{"op": "move", "from": "a", "path": "b"}, {"op": "copy", "from": "b", "path": "c"}]]"#,
            #"{"b": 1, "c": 1}"#),
        Call("json.patch", #"[{"a": 1}, [{"op": "test", "path": "a", "value": 2}]]"#, "undefined"),
        Call("json.patch", #"[{"a": 1}, [{"op": "remove", "path": "b"}]]"#, "undefined"),
        Call("json.patch", #"[{"$set": [[1]]}, [{"op": "add", "path": [[1], 1], "value": 2}]]"#, "{[1, 2]}"),
        Call("json.patch", #"[{"a": {"$set": ["x"]}}, [{"op": "add", "path": "a/d", "value": "e"}]]"#, "undefined"),
        Call("json.patch", #"[[1], [{"op": "add", "path": "/00", "value": 2}]]"#, "undefined"),
        Call("json.patch", #"[1, [{"op": "replace", "path": "", "value": 2}]]"#, "2"),
        Call("graph.reachable", #"[{"a": ["b"], "b": ["a"], "c": []}, ["a", "z"]]"#, #"{"a", "b"}"#),
        Call(
            "graph.reachable_paths", #"[{"a": ["b", "c"], "b": ["a"], "c": ["d"]}, ["a"]]"#,
            #"{["a", "b"], ["a", "c"]}"#),
        Call("type_name", #"[{"$set": []}]"#, #""set""#), Call("is_object", "[{}]", "true"),
        Call("cast_set", "[[1, 1]]", "{1}"),
        Call("cast_boolean", "[1]", "type: operand 1 must be boolean but got number"),
    ]

    static let strings = [
        Call("concat", #"[",", ["a", "b"]]"#, #""a,b""#),
        Call("concat", #"[",", ["a", 1]]"#, "type: operand 2 must be array of strings but got array containing number"),
        Call("indexof", #"["åäö", "ö"]"#, "2"), Call("indexof", #"["a", ""]"#, "builtin: empty search character"),
        Call("indexof_n", #"["aaa", "aa"]"#, "[0, 1]"), Call("substring", #"["åäö", 1, -1]"#, #""äö""#),
        Call("substring", #"["abc", -1, 1]"#, "builtin: negative offset"),
        Call("substring", #"["abc", 1, 9223372036854775807]"#, #""bc""#),
        Call("split", #"["a.b", "."]"#, #"["a", "b"]"#), Call("split", #"["åb", ""]"#, #"["å", "b"]"#),
        Call("split", #"["", ""]"#, "[]"),
        Call("upper", #"["straße ǆ ŉ"]"#, #""STRAßE Ǆ ŉ""#), Call("lower", #"["ÅΣİ"]"#, #""åσi""#),
        Call("trim", #"["xxaxx", "x"]"#, #""a""#), Call("trim_left", #"["  a ", " "]"#, #""a ""#),
        Call("trim_space", #"["\u0085 a\u00a0\t"]"#, #""a""#),
        Call("trim_prefix", #"["aab", "a"]"#, #""ab""#), Call("trim_suffix", #"["abb", "b"]"#, #""ab""#),
        Call("replace", #"["foo...bar", "..", ",,"]"#, #""foo,,.bar""#),
        Call("replace", #"["ab", "", "-"]"#, #""-a-b-""#),
        Call("strings.replace_n", #"[{"<": "&lt;", ">": "&gt;"}, "<b>"]"#, #""&lt;b&gt;""#),
        Call("strings.replace_n", #"[{"a": "b", "b": "c"}, "ab"]"#, #""bc""#),
        Call("strings.replace_n", #"[{"a": 1}, "ab"]"#, "type: operand 1 non-string value found in pattern object"),
        Call("strings.reverse", #"["åb"]"#, #""bå""#), Call("strings.count", #"["aaaa", "aa"]"#, "2"),
        Call("strings.count", #"["ab", ""]"#, "3"),
        Call("strings.any_prefix_match", #"[["foo", "bar"], ["ba", "x"]]"#, "true"),
        Call("strings.any_suffix_match", #"["a/b.rego", {"$set": [".rego"]}]"#, "true"),
        Call(
            "strings.any_prefix_match", #"[[1], "a"]"#,
            "type: operand 1 must be array of strings but got array containing number"),
        Call(
            "strings.any_prefix_match", #"["a", 1]"#,
            "type: operand 2 must be one of {string, set, array} but got number"),
        Call(
            "sprintf", #"["%s %d %v %5.2f|%-4d|%04d|%x|%q|%t", ["a", 1, [true], 3.14159, 7, 42, 255, "z", true]]"#,
            ##""a 1 [true]  3.14|7   |0042|ff|\"z\"|%!t(string=true)""##),
        Call("sprintf", #"["%d", ["hi"]]"#, #""%!d(string=hi)""#),
        Call("sprintf", #"["%d %d", [1]]"#, #""1 %!d(MISSING)""#),
        Call("sprintf", #"["x", [1]]"#, #""x%!(EXTRA int=1)""#), Call("sprintf", #"["%", []]"#, #""%!(NOVERB)""#),
        Call("sprintf", #"["%s", [5]]"#, #""%!s(int=5)""#),
        Call("sprintf", #"["%s", [123456789123456789123]]"#, #""123456789123456789123""#),
        Call("sprintf", #"["%v %v", [2e308, 1000000.5]]"#, #""2e308 1.0000005e+06""#),
        Call("sprintf", #"["%[2]d %[1]d", [1, 2]]"#, #""2 1""#),
        Call("sprintf", #"["%*d|%+d|%#x|%c|%U", [4, 1, 2, 255, 233, 233]]"#, #""   1|+2|0xff|é|U+00E9""#),
        Call("sprintf", #"["%v", [{"a": {"$set": []}}]]"#, ##""{\"a\": set()}""##),
        Call("sprintf", #"["%e %g %6.1f%%", [1.5, 0.00001, 2.25]]"#, #""1.500000e+00 1e-05    2.2%""#),
        Call("base64.encode", #"["subjects?_d"]"#, #""c3ViamVjdHM/X2Q=""#),
        Call("base64url.decode", #"["aGVsbG8"]"#, #""hello""#),
        Call("base64.decode", #"["a"]"#, "builtin: illegal base64 data at input byte 0"),
        Call("base64.is_valid", #"["aGVsbG8=x"]"#, "false"),
        Call("hex.decode", #"["6c6f"]"#, #""lo""#),
        Call("hex.decode", #"["6"]"#, "builtin: encoding/hex: odd length hex string"),
        Call("hex.decode", #"["zz"]"#, "builtin: encoding/hex: invalid byte: U+007A 'z'"),
        Call("urlquery.encode", #"["a b&c"]"#, #""a+b%26c""#),
        Call("urlquery.decode", #"["a+b%2"]"#, #"builtin: invalid URL escape "%2""#),
        Call("urlquery.encode_object", #"[{"a": {"$set": ["c=b+1"]}}]"#, #""a=c%3Db%2B1""#),
        Call("urlquery.decode_object", #"["a=1&b&a=2"]"#, #"{"a": ["1", "2"], "b": [""]}"#),
        Call("json.marshal", #"[{"$set": [1, "<"]}]"#, ##""[1,\"\\u003c\"]""##),
        Call(
            "json.marshal_with_options", #"[{"a": [1]}, {"indent": " ", "prefix": ">"}]"#,
            ##"">{\n> \"a\": [\n>  1\n> ]\n>}""##),
        Call("json.marshal_with_options", #"[1, {"x": 1}]"#, "type: operand 2 object contained unknown key x"),
        Call("json.is_valid", #"["{}"]"#, "true"),
        Call("semver.compare", #"["1.0.0-alpha.1", "1.0.0-alpha.beta"]"#, "-1"),
        Call("semver.compare", #"["1.0.0", "1.0.0-rc"]"#, "1"),
        Call("semver.compare", #"["1.0.0", "1"]"#, #"builtin: operand 2: string "1" is not a valid SemVer"#),
        Call("semver.is_valid", #"["v1.2.3+b"]"#, "true"),
        Call("uuid.parse", #"["x"]"#, "undefined"),
        Call(
            "uuid.parse", #"["000003e8-48b9-21ee-b200-325096b39f47"]"#,
            #"{"clocksequence": 12800, "domain": "Person", "id": 1000, "macvariables": "local:unicast", "nodeid": "32-50-96-b3-9f-47", "time": 1693566990121469600, "variant": "RFC4122", "version": 2}"#
        ),
    ]

    @Test(arguments: numbers) func number(_ one: Call) { #expect(call(one.name, one.arguments) == one.answer) }

    @Test(arguments: collections) func collection(_ one: Call) { #expect(call(one.name, one.arguments) == one.answer) }

    @Test(arguments: strings) func string(_ one: Call) { #expect(call(one.name, one.arguments) == one.answer) }

    /// Results that would be large are refused before they are made.
    @Test func bounds() {
        let long = Value.string(String(repeating: "a", count: 100_000))
        #expect(call("replace", [long, .string("a"), long]) == "fatal: result is too large")
        #expect(call("regex.replace", [long, .string("a"), long], budget: 1 << 40) == "fatal: result is too large")
        #expect(call("net.cidr_expand", [.string("0.0.0.0/0")]) == "fatal: block 0.0.0.0/0 is too large")
        var doubled = Value.int(1)
        for _ in 0..<60 { doubled = .array([doubled, doubled]) }
        #expect(call("json.marshal", [doubled], budget: 1 << 20).hasPrefix("fatal"))
        #expect(call("sprintf", [.string("%v"), .array([doubled])], budget: 1 << 20).hasPrefix("fatal"))
    }

    @Test func randomness() {
        let count: @Sendable (Int) -> [UInt8] = { [UInt8](repeating: 7, count: $0) }
        #expect(call("rand.intn", #"["a", 10]"#, random: count) == "1")
        #expect(call("uuid.rfc4122", #"["a"]"#, random: count) == #""07070707-0707-4707-8707-070707070707""#)
        #expect(call("time.now_ns", "[]", now: 5) == "5")
    }
}
