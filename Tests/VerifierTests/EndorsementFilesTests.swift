import Testing
import WireFormat

@testable import Verifier

@Suite("Endorsements as files")
struct EndorsementFilesTests {
    /// RSASSA-PSS with SHA-384, as AMD signs.
    private static let amdAlgorithm = TestDER.sequence(
        [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A],
        TestDER.sequence(
            TestDER.element(0xA0, sha384),
            TestDER.element(
                0xA1, TestDER.sequence([0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08], sha384)),
            [0xA2, 0x03, 0x02, 0x01, 0x30]))
    private static let sha384 = TestDER.sequence(
        [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02], [0x05, 0x00])

    /// What a fuzzer found: an error repeated a name of any length.
    @Test(arguments: [String(repeating: "x", count: 5000), "SEV\u{1b}[2J\u{202e}", "ARK", "SEV"])
    func `a certificate of nobody is refused, and its name shown as far as it is one`(name: String) throws {
        var recipe = CertificateRecipe()
        recipe.subject = TestDER.name(name)
        (recipe.innerAlgorithm, recipe.outerAlgorithm) = (Self.amdAlgorithm, Self.amdAlgorithm)
        let der = try recipe.der()
        let error = try #require(throws: WireError.self) { try EndorsementFiles([(name: "file", bytes: der)]) }
        #expect(error.field == "file" && error.reason.contains("is no authority"))
        #expect(error.reason.utf8.count < 400)
        #expect(error.reason == ShownText.line(error.reason))
        recipe = CertificateRecipe()
        recipe.subject = TestDER.name(name)
        let shown = try P256Certificate(der: try recipe.der(), "file").commonName
        #expect(shown == ShownText.cut(name, bytes: 256))
    }
}
