import ArgumentParser
import Testing
import WireFormat

@testable import Commands

@Suite("testudo reference-values add")
struct ReferenceValueWordTests {
    private static let known: [(text: String, value: JSONValue)] = [
        ("plain", "plain"), ("ab12", "ab12"), ("00ab", "00ab"), ("1.2.3-rc/x", "1.2.3-rc/x"), ("3", 3), ("true", true),
        (#""3""#, "3"), (#"["a", 1]"#, ["a", 1]),
    ]

    @Test(arguments: known)
    func `takes JSON where it is JSON, and a word as a text`(text: String, value: JSONValue) throws {
        #expect(try ReferenceValuesAdd.value(text) == value)
    }

    @Test(arguments: ["", "two words", "[1", #"{"a":"#, #""open"#, "a,b", "a\u{1b}[2K", "a\u{202e}b"])
    func `what is neither is refused`(text: String) {
        #expect(throws: ValidationError.self) { try ReferenceValuesAdd.value(text) }
    }
}
