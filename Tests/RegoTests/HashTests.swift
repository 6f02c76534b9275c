import TestSupport
import Testing

@testable import Rego

@Suite("Rego: hashes and signed requests")
struct HashTests {
    static let cases: [(name: String, arguments: [String], answer: String)] = [
        ("crypto.md5", [""], "d41d8cd98f00b204e9800998ecf8427e"),
        ("crypto.sha1", ["lorem ipsum"], "bfb7759a67daeb65410490b4d98bb9da7d1ea2ce"),
        ("crypto.sha256", ["abc"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ]

    @Test(arguments: cases.indices) func `hashes`(_ index: Int) {
        let known = Self.cases[index]
        #expect(library(known.name, .string(known.arguments[0])) == "\"\(known.answer)\"")
    }

    @Test func `compares codes`() {
        #expect(library("crypto.hmac.equal", .string("ab"), .string("ab")) == "true")
        #expect(library("crypto.hmac.equal", .string("ab"), .string("abc")) == "false")
        #expect(library("crypto.md5", .int(1)) == "type: operand 1 must be string but got number")
    }

    /// An example of Amazon's documentation has the same shape; the numbers are the vectors'.
    @Test func `signs requests`() {
        let account = json(
            #"{"aws_access_key": "MYAWSACCESSKEYGOESHERE", "aws_secret_access_key": "MYAWSSECRETACCESSKEYGOESHERE", "aws_service": "s3", "aws_region": "us-east-1"}"#
        )
        let request = json(#"{"method": "get", "url": "http://example.com"}"#)
        let answer = library("providers.aws.sign_req", request, account, .int(1_451_311_705_000_000_000))
        #expect(answer.contains("0047a7016c81e5c7f29cd522f97e911e04fc472fced0aee7916cbc287ad6c8e3"))
        #expect(answer.contains("20151228T140825Z"))
        #expect(
            library("providers.aws.sign_req", request, json("{}"), .int(0)).hasPrefix(
                "type: operand 2 missing required AWS config parameters(s)"))
    }
}
