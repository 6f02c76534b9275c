import Testing

@testable import Rego

/// The regular-expression engine and `regex.*`.
struct RegexTests {
    static let matches: [(String, String, String)] = [
        ("a+b", "xaab", "aab"), ("a|ab", "ab", "a"), ("(?:a|ab)(?:c|bcd)", "abcd", "abcd"), ("a*?", "aa", ""),
        ("(a+)(b+)", "aabb", "aabb"), ("^abc$", "abc", "abc"), ("(?i)STRASSE", "strasse", "strasse"),
        ("(?i)k", "\u{212A}", "\u{212A}"), ("(?i)σ", "ς", "ς"), ("[^a-c]+", "abcdef", "def"),
        ("\\d{2,3}", "12345", "123"),
        ("\\bfoo\\b", "a foo b", "foo"), ("\\Bo", "foo", "o"), ("(?s).+", "a\nb", "a\nb"), (".+", "a\nb", "a"),
        ("(?m)^b$", "a\nb", "b"), ("\\p{Greek}+", "abc αβγ", "αβγ"), ("\\pL+", "1éa2", "éa"), ("\\P{L}+", "é12", "12"),
        ("[[:alpha:]]+", "12ab", "ab"), ("\\Qa.b\\E+", "a.bb", "a.bb"), ("(?U)a+", "aaa", "a"),
        ("(?U)a+?", "aaa", "aaa"),
        ("\\x{1F600}", "😀", "😀"), ("[\\x41-\\x43]+", "xABC", "ABC"), ("(|a)*", "aa", ""), ("(|a)+", "aa", ""),
        ("(a*)+", "aaa", "aaa"), ("(?:(a)|b)*", "ab", "ab"), ("a{0}b", "ab", "b"), ("x{", "x{", "x{"),
        ("a{,2}", "a{,2}", "a{,2}"), ("[]a]+", "]a", "]a"), ("[a-]+", "a-", "a-"), ("(?P<n>x)y", "xy", "xy"),
        ("é", "caf\u{E9}", "\u{E9}"), ("\\101", "A", "A"), ("(?i:a)b", "Ab", "Ab"), ("a(?i)b|c", "aB", "aB"),
    ]

    @Test(arguments: matches)
    func firstMatch(_ pattern: String, _ text: String, _ match: String) throws {
        let regex = try Regex(pattern)
        let found = try regex.matches(Array(text.utf8), limit: 1) { (_: Int) throws(Builtin.Failure) in }
        let slots = try #require(found.first)
        #expect(Array(text.utf8)[slots[0]..<slots[1]].string == match)
        #expect(try regex.isMatch(text) { (_: Int) throws(Builtin.Failure) in })
    }

    /// The search that only asks whether there is a match, and the one that says where, agree on every pattern and text.
    @Test func searchesAgree() throws {
        let texts = Set(Self.matches.map(\.1) + ["", "\n", "b\na", "xfoo", "ßé", "a b c", "ABC_1"]).sorted()
        let anchored = ["^", "^$", "^a", "^(a|b)", "^[^a]", "(^a|^b)c?", "^a|b", "a$", "^\\d*$", "\\B", "^\\b"]
        var matched = 0
        for pattern in Set(Self.matches.map(\.0)).sorted() + anchored {
            let regex = try Regex(pattern)
            for text in texts {
                let found = try regex.matches(Array(text.utf8), limit: 1) { (_: Int) throws(Builtin.Failure) in }
                let isMatch = try regex.isMatch(text) { (_: Int) throws(Builtin.Failure) in }
                #expect(isMatch == !found.isEmpty, "\(pattern) in \(text)")
                matched += isMatch ? 1 : 0
            }
        }
        #expect(matched > texts.count)
    }

    /// A budget that is too small for a pattern stays too small when another evaluation has compiled the pattern.
    @Test func knownPatternsCostTheSame() throws {
        let pattern = String(repeating: "(a|b)", count: 400)
        let policy = try Policy.compile(modules: [
            ("p.rego", "package p\nimport rego.v1\nx := regex.match(\"\(pattern)\", input)")
        ])
        let query = try policy.prepare(query: "data.p.x")
        var limits = Limits()
        limits.values = 100
        func isRefused() -> Bool {
            do { return try query.value(input: .string("c"), limits: limits) == nil } catch {
                return error.code == "eval_limit_error"
            }
        }
        #expect(isRefused())
        #expect(try query.value(input: .string("c")) == .bool(false))
        #expect(isRefused())
    }

    static let mistakes: [(String, String)] = [
        ("[", "missing closing ]: `[`"), ("a[bc", "missing closing ]: `[bc`"), ("(", "missing closing ): `(`"),
        ("a)", "unexpected ): `a)`"), ("*", "missing argument to repetition operator: `*`"),
        ("++", "missing argument to repetition operator: `+`"), ("a**", "invalid nested repetition operator: `**`"),
        ("a*?+", "invalid nested repetition operator: `*?+`"), ("a{1001}", "invalid repeat count: `{1001}`"),
        ("(a{100}){100}", "invalid repeat count: `{100}`"), ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("[b-a]", "invalid character class range: `b-a`"), ("\\8", "invalid escape sequence: `\\8`"),
        ("\\p{Nope}", "invalid character class range: `\\p{Nope}`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?P<a", "invalid named capture: `(?P<a`"), ("(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("\\1", "invalid escape sequence: `\\1`"), ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("a|*", "missing argument to repetition operator: `*`"),
    ]

    @Test(arguments: mistakes)
    func mistake(_ pattern: String, _ text: String) {
        #expect(throws: RegexError.self) { try Regex(pattern) }
        do throws(RegexError) { _ = try Regex(pattern) } catch {
            #expect(error.description == "error parsing regexp: " + text)
        }
    }

    /// Patterns that take a backtracking engine for ever, and such as would make huge programs.
    @Test func hostile() throws {
        let text = String(repeating: "a", count: 20_000)
        #expect(call("regex.match", [.string("(a*)*b"), .string(text)]) == "false")
        #expect(call("regex.match", [.string("(a|aa)+$"), .string(text)]) == "true")
        #expect(call("regex.match", [.string("(x+x+)+y"), .string(text)]) == "false")
        #expect(throws: RegexError.self) { try Regex(String(repeating: "(", count: 2000)) }
        _ = try Regex(String(repeating: "(", count: 900) + "a" + String(repeating: ")", count: 900))
        #expect(throws: RegexError.self) { try Regex(String(repeating: "(?:a{1000})", count: 1000)) }
        #expect(
            call("regex.find_n", [.string("a.*b|a"), .string(text), .int(-1)], budget: 1_000_000)
                == "fatal: budget")
    }

    static let calls = [
        Call("regex.find_n", #"["[oa]+", "banana foo", -1]"#, #"["a", "a", "a", "oo"]"#),
        Call("regex.find_n", #"["a*", "baac", -1]"#, #"["", "aa", ""]"#),
        Call("regex.find_n", #"["a", "aaa", 2]"#, #"["a", "a"]"#),
        Call("regex.find_n", #"["a", "aaa", 0]"#, "[]"),
        Call("regex.split", #"["a", "banana"]"#, #"["b", "n", "n", ""]"#),
        Call("regex.split", #"["", "abc"]"#, #"["a", "b", "c"]"#),
        Call("regex.split", #"["x", ""]"#, #"[""]"#),
        Call(
            "regex.find_all_string_submatch_n", #"["[^aouiye]([aouiye])([^aouiye])?", "somestri", -1]"#,
            #"[["som", "o", "m"], ["ri", "i", ""]]"#),
        Call("regex.replace", #"["foo", "(foo)", "$1$1"]"#, #""foofoo""#),
        Call("regex.replace", #"["-wy-wxxy-", "w(x*)y", "0"]"#, #""-0-0-""#),
        Call("regex.replace", #"["-wy-wxxy-", "w(x*)y", "${1}W$$"]"#, #""-W$-xxW$-""#),
        Call("regex.replace", #"["-wxy-", "w(?P<n>x*)y", "$nW"]"#, #""--""#),
        Call("regex.replace", #"["abc", "", "-"]"#, #""-a-b-c-""#),
        Call("regex.replace", #"["abc", "^", "$"]"#, #""$abc""#),
        Call("regex.replace", #"["foo", "[", "x"]"#, "builtin: error parsing regexp: missing closing ]: `[`"),
        Call("regex.is_valid", #"["++"]"#, "false"), Call("regex.is_valid", "[10]", "false"),
        Call("regex.template_match", #"["urn:foo:{.*}", "urn:foo:bar:baz", "{", "}"]"#, "true"),
        Call(
            "regex.template_match", #"["urn:foo:{.*", "x", "{", "}"]"#, #"builtin: unbalanced braces in "urn:foo:{.*""#),
        Call("regex.globs_match", #"["b.*", "baz"]"#, "true"),
        Call("regex.globs_match", #"["[a-z]+\\[[0-9]+\\]", "foo\\[1\\]"]"#, "true"),
        Call("regex.globs_match", #"["a.a.", ".b.b"]"#, "true"), Call("regex.globs_match", #"["a+", "b*"]"#, "false"),
        Call("glob.match", #"["api.**.com", ["."], "api.cdn.github.com"]"#, "true"),
        Call("glob.match", #"["*.com", [], "a.b.com"]"#, "false"),
        Call("glob.match", #"["*.com", null, "a.b.com"]"#, "true"),
        Call("glob.match", #"["{cat,bat,[fr]at}", [], "rat"]"#, "true"),
        Call("glob.match", #"["[!a-c]at", [], "fat"]"#, "true"),
        Call("glob.match", #"["?at", ["f"], "fat"]"#, "false"), Call("glob.match", #"["\\*", [], "*"]"#, "true"),
        Call(
            "glob.match", #"["a", ["ab"], "a"]"#,
            "type: operand 2 must be array of runes but got array containing string"),
        Call("glob.match", #"["[a", [], "a"]"#, "builtin: unexpected end of input"),
        Call("glob.quote_meta", #"["*.github.com"]"#, #""\\*.github.com""#),
    ]

    @Test(arguments: calls)
    func answer(_ one: Call) { #expect(call(one.name, one.arguments) == one.answer) }
}
