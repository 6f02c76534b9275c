import Crypto
import Envelope
import SwiftASN1
import Testing
import WireFormat
import X509

@testable import AttestedChannel

@Suite struct CertificateRequestTests {
    @Test func `another implementation reads key, names and signature`() throws {
        let key = P256.Signing.PrivateKey()
        let names = ["hello.default.localhost", "b.test"]
        let request = try CertificateRequest(key: key, names: names)
        let parsed = try CertificateSigningRequest(derEncoded: request.der)
        #expect(parsed.publicKey == Certificate.PublicKey(key.publicKey))
        #expect(parsed.publicKey.isValidSignature(parsed.signature, for: parsed))
        let extensions = try #require(try parsed.attributes.extensionRequest).extensions
        let found = try #require(try extensions.subjectAlternativeNames)
        #expect(Array(found) == names.map { .dnsName($0) })
    }

    @Test func `a request without names is refused`() {
        #expect(throws: WireError.self) { try CertificateRequest(key: P256.Signing.PrivateKey(), names: []) }
    }

    @Test func `the key of a certificate has the digest that evidence carries`() throws {
        let certificate = try TestCertificate()
        let info = try AttestedService.publicKeyInfo(of: certificate.der)
        #expect(Envelope.SHA256Digest(hashing: info) == CertificateRequest.keyDigest(certificate.key.publicKey))
        for count in stride(from: 0, to: certificate.der.count, by: 7) {
            #expect(throws: (any Error).self) {
                try AttestedService.publicKeyInfo(of: Array(certificate.der[..<count]))
            }
        }
    }

    @Test func `an attestation answer is read strictly`() throws {
        let certificate = try TestCertificate()
        let digest = String(repeating: "ab", count: 32)
        func parse(_ text: String) throws -> ServiceEvidence {
            try AttestedService.parse(Array(text.utf8), nonce: [1], certificate: certificate.der)
        }
        let good = #"{"technology":"soft-snp","evidence":{"a":1},"manifest":"\#(digest)","epoch":0}"#
        #expect(try parse(good).manifestDigest.hex == digest)
        for count in 0..<good.utf8.count {
            #expect(throws: (any Error).self) { try parse(String(decoding: good.utf8.prefix(count), as: UTF8.self)) }
        }
        for (from, to) in [
            ("\"epoch\":0", "\"epoch\":-1"), ("ab\"", "\""), ("}", ",\"x\":1}"), ("\"evidence\"", "\"e\""),
        ] {
            #expect(throws: (any Error).self) { try parse(good.replacing(from, with: to)) }
        }
    }
}
