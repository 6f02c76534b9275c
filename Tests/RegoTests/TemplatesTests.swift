import TestSupport
import Testing

@testable import Rego

@Suite("Rego: templates")
struct TemplatesTests {
    @Test(.enabled(if: Vectors.available)) func `answers as the vectors do`() throws {
        for known in try LibraryCase.family("rendertemplate") {
            guard let text = known.constant("template_string"), case .array(let rows) = known.wanted,
                case .object(let row) = rows.first, let wanted = row["x"]
            else { continue }
            let line = known.module.split(separator: "\n").first { $0.hasPrefix("template_vars := ") } ?? ""
            let variables = json(String(line.dropFirst(17)).replacing("`", with: "\""))
            #expect(
                library("strings.render_template", text, variables) == String(decoding: wanted.json(), as: UTF8.self),
                "\(known.note)")
        }
    }

    static let cases = [
        ("{{printf \"%d-%s-%q\" 3 .s .s}}", "3-t-\"t\""), ("{{.s | printf \"<%5s>\"}}", "<    t>"),
        ("{{html \"<a href='x'>&\"}}", "&lt;a href=&#39;x&#39;&gt;&amp;"), ("{{urlquery \"a b&c\"}}", "a+b%26c"),
        ("{{js \"it's <b>\"}}", "it\\'s \\u003Cb\\u003E"),
        ("a {{- 1 -}} b", "a1b"), ("{{/* c */}}x", "x"), ("{{.a.b}}", "deep"), ("{{.list}} {{.map}}", "[x y] map[k:v]"),
        ("{{range .list}}<{{.}}>{{else}}none{{end}}", "<x><y>"), ("{{range .empty}}x{{else}}none{{end}}", "none"),
        ("{{range $k, $v := .map}}{{$k}}={{$v}}{{end}}", "k=v"), ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{if eq .s \"t\"}}yes{{else if .zero}}no{{end}}", "yes"),
        ("{{if .zero}}numbers of the data hold{{end}}", "numbers of the data hold"),
        ("{{if and .s (not .nothing)}}y{{else}}n{{end}}", "y"), ("{{with .a}}{{.b}}{{end}}", "deep"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{len .list}} {{index .list 1}} {{slice .s 0 1}}", "2 y t"),
        ("{{.s | print \"<\" | print}}", "<t"), ("{{lt 1 2}} {{ge \"b\" \"a\"}}", "true true"),
        ("{{range .list}}{{if eq . \"y\"}}{{break}}{{end}}{{.}}{{end}}", "x"), ("{{range .list}}{{$.s}}{{end}}", "tt"),
        ("{{.missing}}", "<undefined>"), ("{{`raw`}}{{\"q\\n\"}}", "rawq\n"),
    ]

    private static let data = json(
        #"{"a": {"b": "deep"}, "list": ["x", "y"], "map": {"k": "v"}, "empty": [], "s": "t", "zero": 0, "nothing": null}"#
    )

    @Test(arguments: cases) func `renders`(_ template: String, _ wanted: String) {
        let answer = json(library("strings.render_template", .string(template), Self.data))
        #expect(answer == .string(wanted), "\(template)")
    }

    static let bad = [
        "{{", "{{end}}", "{{if}}x{{end}}", "{{if 1}}", "{{nope}}", "{{.s.t}}", "{{$y}}", "{{1 2}}", "{{\"}}", "{{/* }}",
        "{{break}}", "{{template \"x\"}}", "{{(}}", "{{eq 1 \"a\"}}", "{{index .list 7}}", "{{range .s}}{{end}}",
        "{{else}}",
    ]

    @Test(arguments: bad) func `refuses`(_ template: String) {
        #expect(library("strings.render_template", .string(template), Self.data).hasPrefix("builtin: "))
    }

    @Test func `bounds what nests and what grows`() {
        let parentheses = "{{" + String(repeating: "(", count: 10_000)
        #expect(library("strings.render_template", .string(parentheses), Self.data).hasPrefix("builtin: "))
        let branches = String(repeating: "{{if 1}}", count: 10_000)
        #expect(library("strings.render_template", .string(branches), Self.data).hasPrefix("builtin: "))
        let chain = "{{if 0}}" + String(repeating: "{{else if 0}}", count: 10_000) + "{{end}}"
        #expect(library("strings.render_template", .string(chain), Self.data).hasPrefix("builtin: "))
        let loops = "{{range 10000}}{{range 10000}}{{range 10000}}x{{end}}{{end}}{{end}}"
        #expect(library("strings.render_template", .string(loops), Self.data) == "fatal: budget")
    }
}
