import TestSupport
import Testing

@testable import Rego

@Suite("Rego: certificates")
struct X509Tests {
    private static func chain() throws -> Value? {
        try LibraryCase.family("cryptox509parseandverifycertificates").first?.constant("certs")
    }

    private static func verify(_ chain: Value, _ options: String, now: Int64? = 1_700_000_000_000_000_000) -> String {
        String(
            library("crypto.x509.parse_and_verify_certificates_with_options", chain, json(options), now: now).prefix(6))
    }

    @Test(.enabled(if: Vectors.available)) func `a chain holds in its time, for its names and uses`() throws {
        let chain = try #require(try Self.chain())
        #expect(Self.verify(chain, "{}") == "[true,")
        #expect(Self.verify(chain, "{}", now: nil) == "[false")
        #expect(Self.verify(chain, #"{"CurrentTime": 1500000000000000000}"#) == "[false")
        #expect(Self.verify(chain, #"{"DNSName": "notarealsite.opa.localhost"}"#) == "[true,")
        #expect(Self.verify(chain, #"{"DNSName": "example.com"}"#) == "[false")
        #expect(Self.verify(chain, #"{"KeyUsages": ["KeyUsageClientAuth"]}"#) == "[true,")
        #expect(Self.verify(chain, #"{"KeyUsages": ["KeyUsageCodeSigning"]}"#) == "[false")
        #expect(Self.verify(chain, #"{"KeyUsages": ["KeyUsageNothing"]}"#) == "builti")
    }

    @Test(.enabled(if: Vectors.available)) func `a chain without its middle, or in another order, does not hold`()
        throws
    {
        guard case .string(let text) = try Self.chain() else { return }
        let blocks = text.string.split(separator: "-----END CERTIFICATE-----\n").map {
            String($0) + "-----END CERTIFICATE-----\n"
        }
        let parts = blocks.filter { $0.contains("BEGIN") }
        try #require(parts.count == 3)
        #expect(Self.verify(.string(parts[0] + parts[2]), "{}") == "[false")
        #expect(Self.verify(.string(parts[2] + parts[1] + parts[0]), "{}") == "[false")
        #expect(Self.verify(.string(parts[0]), "{}") == "[false")
    }

    @Test(.enabled(if: Vectors.available)) func `fields are Go's`() throws {
        let chain = try #require(try Self.chain())
        guard case .array(let certificates) = json(library("crypto.x509.parse_certificates", chain)),
            case .object(let leaf) = certificates.last
        else {
            Issue.record("no certificates")
            return
        }
        #expect(leaf["NotBefore"] == .string("2021-07-05T17:49:50Z"))
        #expect(leaf["Version"] == .int(3))
        #expect(leaf["SignatureAlgorithm"] == .int(10))
        #expect(leaf["PublicKeyAlgorithm"] == .int(3))
        #expect(leaf["ExtKeyUsage"] == .array([.int(1), .int(2)]))
        #expect(leaf["KeyUsage"] == .int(1))
        #expect(leaf["DNSNames"] == .array([.string("notarealsite.opa.localhost")]))
        #expect(leaf["URIStrings"] == .null)
        #expect(
            leaf["SerialNumber"].map { String(decoding: $0.json(), as: UTF8.self) }
                == "171431488452833603770070317127842290864")
    }

    @Test(.enabled(if: Vectors.available)) func `no byte changed is taken, none crashes`() throws {
        guard case .string(let text) = try Self.chain() else { return }
        let body = text.string.split(separator: "\n").filter { !$0.hasPrefix("-") }.prefix(9).joined()
        let bytes = Base64.standard.decode(body).bytes
        for index in bytes.indices {
            for change in [UInt8(1), 0x80, 0xff] {
                var changed = bytes
                changed[index] ^= change
                _ = library("crypto.x509.parse_certificates", .string(Base64.standard.encode(changed)))
            }
            let cut = Array(bytes[..<index])
            let answer = library("crypto.x509.parse_certificates", .string(Base64.standard.encode(cut)))
            #expect(answer.hasPrefix("builtin: ") || index == 0)
        }
    }

    @Test func `refuses what is none`() {
        for text in [
            "nope", "AAAA", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
            "-----BEGIN X-----\nMAA=\n-----END X-----\n",
        ] {
            #expect(library("crypto.x509.parse_certificates", .string(text)).hasPrefix("builtin: "), "\(text)")
            #expect(library("crypto.x509.parse_and_verify_certificates", .string(text)) == "[false,[]]")
            #expect(library("crypto.x509.parse_keypair", .string(text), .string(text)).hasPrefix("builtin: "))
        }
        #expect(library("crypto.parse_private_keys", .string("")) == "null")
        #expect(library("crypto.parse_private_keys", .string("nope")) == "[]")
    }
}
