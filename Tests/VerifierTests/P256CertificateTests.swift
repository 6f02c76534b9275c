import Crypto
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Certificates of P-256")
struct P256CertificateTests {
    /// A change to a certificate, by what it is.
    private typealias Change = (what: Comment, make: (inout CertificateRecipe) -> Void)

    private func certificate(_ change: Change) throws -> [UInt8] {
        var recipe = CertificateRecipe()
        change.make(&recipe)
        return try recipe.der()
    }

    @Test func `a certificate is read, and its issuer recognised`() throws {
        let root = CertificateRecipe()
        var leaf = CertificateRecipe()
        leaf.subject = TestDER.name("Leaf")
        leaf.extensions = [TestDER.extension(CertificateRecipe.keyUsage, [0x03, 0x02, 0x06, 0xC0], isCritical: true)]
        let authority = try P256Certificate(der: root.der(), "root")
        let certificate = try P256Certificate(der: leaf.der(signedBy: root.key), "leaf")
        #expect(authority.isIssued(by: authority) && authority.isAuthority(below: 5) && authority.maySignLists)
        #expect(certificate.isIssued(by: authority) && !authority.isIssued(by: certificate))
        #expect(certificate.commonName == "Leaf" && certificate.serial == [7])
        #expect(certificate.maySignDocuments && !certificate.claimsAuthority && !certificate.isAuthority(below: 0))
        #expect(certificate.notBefore == 1_704_067_200 && certificate.notAfter == 2_019_686_400)
        // The name alone is not enough, nor is the key.
        #expect(!(try P256Certificate(der: leaf.der(), "leaf")).isIssued(by: authority))
        leaf.issuer = TestDER.name("Another CA")
        #expect(!(try P256Certificate(der: leaf.der(signedBy: root.key), "leaf")).isIssued(by: authority))
    }

    @Test func `an authority may sign as many authorities below as it says`() throws {
        var recipe = CertificateRecipe()
        recipe.extensions[0] = TestDER.extension(
            CertificateRecipe.basicConstraints, [0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x00], isCritical: true)
        let certificate = try P256Certificate(der: recipe.der(), "test")
        #expect(certificate.isAuthority(below: 0) && !certificate.isAuthority(below: 1))
        recipe.extensions.removeLast()
        let unusable = try P256Certificate(der: recipe.der(), "test")
        #expect(!unusable.isAuthority(below: 0) && !unusable.maySignLists)
    }

    @Test func `whatever can be read in two ways is refused`() throws {
        let changes: [Change] = [
            ("version 1", { $0.version = [] }),
            ("version 2", { $0.version = [0xA0, 0x03, 0x02, 0x01, 0x01] }),
            ("padded serial", { $0.serial = [0x02, 0x02, 0x00, 0x07] }),
            ("padded negative serial", { $0.serial = [0x02, 0x02, 0xFF, 0x87] }),
            ("empty serial", { $0.serial = [0x02, 0x00] }),
            ("another algorithm inside", { $0.innerAlgorithm[11] = 0x03 }),
            ("another algorithm outside", { $0.outerAlgorithm[11] = 0x03 }),
            (
                "an algorithm with parameters",
                {
                    $0.innerAlgorithm = TestDER.sequence(Array(CertificateRecipe.algorithm[2...]), [0x05, 0x00])
                }
            ),
            ("no common name", { $0.subject = [0x30, 0x00] }),
            (
                "two common names",
                {
                    $0.subject = TestDER.element(
                        0x30, Array((TestDER.name("A")[2...])) + Array(TestDER.name("B")[2...]))
                }
            ),
            (
                "a malformed time",
                {
                    $0.validity = TestDER.sequence(TestDER.time("240230000000Z"), TestDER.time("340101000000Z"))
                }
            ),
            (
                "a time without seconds",
                {
                    $0.validity = TestDER.sequence(TestDER.time("2402010000Z"), TestDER.time("340101000000Z"))
                }
            ),
            ("an extension twice", { $0.extensions.append($0.extensions[0]) }),
            (
                "a critical extension that is not known",
                {
                    $0.extensions.append(TestDER.extension([0x55, 0x1D, 0x1E], [0x30, 0x00], isCritical: true))
                }
            ),
            (
                "a default value spelled out",
                {
                    $0.extensions.append(
                        TestDER.sequence([0x06, 0x03, 0x55, 0x1D, 0x0E, 0x01, 0x01, 0x00, 0x04, 0x00]))
                }
            ),
            (
                "a truth value of one",
                {
                    $0.extensions[0] = TestDER.extension(
                        CertificateRecipe.basicConstraints, [0x30, 0x03, 0x01, 0x01, 0x01])
                }
            ),
            (
                "constraints that say no",
                {
                    $0.extensions[0] = TestDER.extension(
                        CertificateRecipe.basicConstraints, [0x30, 0x03, 0x01, 0x01, 0x00])
                }
            ),
            (
                "usage with bits that are not in use",
                {
                    $0.extensions[1] = TestDER.extension(CertificateRecipe.keyUsage, [0x03, 0x02, 0x02, 0x06])
                }
            ),
            ("an element too many", { $0.trailer = [0x05, 0x00] }),
            (
                "too many extensions",
                { recipe in
                    for number in 0..<40 { recipe.extensions.append(TestDER.extension([0x2A, UInt8(number)], [])) }
                }
            ),
        ]
        for change in changes {
            let der = try certificate(change)
            #expect(throws: WireError.self, change.what) { try P256Certificate(der: der, "test") }
        }
    }

    @Test func `keys that are not points of P-256 are refused`() throws {
        let other = P384.Signing.PrivateKey().publicKey
        let key = P256.Signing.PrivateKey().publicKey
        let info = Array(key.derRepresentation)
        let changes: [Change] = [
            ("P-384", { $0.publicKeyInfo = Array(other.derRepresentation) }),
            (
                "RSA",
                {
                    $0.publicKeyInfo = TestDER.sequence(
                        TestDER.sequence(
                            [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01], [0x05, 0x00]),
                        TestDER.element(0x03, [0x00, 0x30, 0x06, 0x02, 0x01, 0x0F, 0x02, 0x01, 0x03]))
                }
            ),
            (
                "a point beside the curve",
                {
                    var changed = info
                    changed[info.count - 1] ^= 1
                    $0.publicKeyInfo = changed
                }
            ),
            (
                "the compressed form",
                {
                    let algorithm = Array(info[2..<23])
                    $0.publicKeyInfo = TestDER.sequence(
                        algorithm, TestDER.element(0x03, [0] + Array(key.compressedRepresentation)))
                }
            ),
        ]
        for change in changes {
            let der = try certificate(change)
            #expect(throws: WireError.self, change.what) { try P256Certificate(der: der, "test") }
        }
    }

    @Test func `signatures with numbers that are not minimal, negative or too long are refused`() throws {
        let order: [UInt8] =
            [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8) + [
                0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
            ]
        let one: [UInt8] = [0x02, 0x01, 0x01]
        for signature in [
            TestDER.sequence([0x02, 0x02, 0x00, 0x01], one), TestDER.sequence([0x02, 0x01, 0x81], one),
            TestDER.sequence(TestDER.element(0x02, [1] + order), one), TestDER.sequence(one),
            TestDER.sequence(one, one, one), [0x30, 0x81, 0x06] + one + one, TestDER.sequence(one, one) + [0],
        ] {
            let der = try certificate(("\(signature)", { $0.signature = signature }))
            #expect(throws: WireError.self, "\(signature)") { try P256Certificate(der: der, "test") }
        }
        // These are numbers, but never a signature.
        for scalar in [[0x02, 0x01, 0x00], one, TestDER.element(0x02, [0] + order)] {
            var recipe = CertificateRecipe()
            recipe.signature = TestDER.sequence(scalar, scalar)
            let certificate = try P256Certificate(der: recipe.der(), "test")
            #expect(!certificate.isIssued(by: certificate))
        }
    }

    @Test func `lengths that are indefinite, padded or beyond the end are refused`() throws {
        let der = try CertificateRecipe().der()
        #expect(der[1] == 0x82)
        let body = Array(der[4...])
        for header: [UInt8] in [
            [0x30, 0x80], [0x30, 0x83, 0x00, der[2], der[3]], [0x30, 0x84, 0x00, 0x00, der[2], der[3]],
            [0x30, 0x82, der[2], der[3] &+ 1], [0x30, 0x88] + [UInt8](repeating: 0xFF, count: 8),
            [0x31, 0x82, der[2], der[3]],
        ] {
            #expect(throws: WireError.self, "\(header)") { try P256Certificate(der: header + body, "test") }
        }
        #expect(throws: WireError.self) { try P256Certificate(der: der + [0], "test") }
        for length in 0..<der.count {
            #expect(throws: WireError.self) { try P256Certificate(der: Array(der.prefix(length)), "test") }
        }
    }

    @Test func `moments are read and written in the Gregorian calendar`() throws {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T23:59:59Z", 951_868_799), ("2018-05-21T10:45:10Z", 1_526_899_510),
            ("2049-12-31T23:59:59Z", 2_524_607_999), ("1969-12-31T23:59:59Z", -1),
            ("2026-11-21T12:00:00Z", 1_795_262_400),
        ] as [(String, Int64)] {
            #expect(CalendarTime(text: text)?.seconds == seconds)
            #expect(CalendarTime(seconds: seconds).text == text)
        }
        for text in [
            "2026-11-21T12:00:00", "2026-11-21 12:00:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z", "2026-11-21T12:60:00Z", "+026-11-21T12:00:00Z", "2026-11-21T12:00:00.0Z", "",
        ] { #expect(CalendarTime(text: text) == nil, "\(text)") }
        #expect(CalendarTime(compact: Array("500101000000Z".utf8), yearDigits: 2)?.text == "1950-01-01T00:00:00Z")
        #expect(CalendarTime(compact: Array("491231235959Z".utf8), yearDigits: 2)?.text == "2049-12-31T23:59:59Z")
    }
}
