import Rego
import Testing

/// What the fuzzer found, one test each.
@Suite("Rego fuzz findings")
struct FuzzFindingsTests {
    @Test(arguments: ["package a\np := $\"", "package a\np := $\"{", "package a\np := $`a\n"])
    func `errors at the end of a source lie within it`(source: String) throws {
        let errors = try #require(throws: RegoErrors.self) { try Module.parse(source, file: "a") }
        let location = try #require(errors.errors.first?.location)
        #expect(location.offset + location.length <= source.utf8.count)
    }

    @Test func `references headed by a keyword are printed as they can be read`() throws {
        let term = try Term.parse("package.package[0][\"if\"]")
        #expect(term.text == "package.package[0][\"if\"]")
        #expect(try Term.parse(term.text).text == term.text)
    }
}
