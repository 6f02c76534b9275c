import TestSupport
import Testing

@testable import Rego

@Suite("Rego: tokens")
struct JWTTests {
    private static let secret = json(#"{"kty": "oct", "k": "c2VjcmV0"}"#)
    /// RFC 7515, appendix A.3.
    private static let curve = json(
        #"{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#
    )
    private static let open = Value.string(
        #"{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
    )

    private static func sign(_ header: String, _ claims: String, _ key: Value) -> Value {
        json(library("io.jwt.encode_sign", json(header), json(claims), key))
    }

    @Test func `signs and verifies`() {
        let token = Self.sign(#"{"alg": "HS256"}"#, #"{"iss": "a", "exp": 1700000001}"#, Self.secret)
        #expect(library("io.jwt.verify_hs256", token, .string("secret")) == "true")
        #expect(library("io.jwt.verify_hs256", token, .string("other")) == "false")
        #expect(library("io.jwt.verify_hs384", token, .string("secret")) == "false")
        let good = #"[true,{"alg":"HS256"},{"exp":1700000001,"iss":"a"}]"#
        #expect(library("io.jwt.decode_verify", token, json(#"{"secret": "secret", "iss": "a"}"#)) == good)
        let none = "[false,{},{}]"
        #expect(library("io.jwt.decode_verify", token, json(#"{"secret": "secret", "iss": "b"}"#)) == none)
        #expect(library("io.jwt.decode_verify", token, json(#"{"secret": "secret", "alg": "HS512"}"#)) == none)
        #expect(
            library("io.jwt.decode_verify", token, json(#"{"secret": "secret", "time": 1700000002000000000}"#)) == none)
        #expect(library("io.jwt.decode_verify", token, json(#"{"secret": "secret"}"#), now: nil).hasPrefix("builtin: "))
        #expect(library("io.jwt.decode_verify", token, json("{}")) == "builtin: no key constraint")
    }

    @Test func `verifies over curves`() {
        let token = Self.sign(#"{"alg": "ES256"}"#, #"{"aud": ["x", "y"]}"#, Self.curve)
        #expect(library("io.jwt.verify_es256", token, Self.open) == "true")
        #expect(library("io.jwt.verify_es512", token, Self.open) == "false")
        #expect(library("io.jwt.verify_rs256", token, Self.open) == "false")
        #expect(library("io.jwt.verify_eddsa", token, Self.open) == "false")
        let constraints = Value.object(ObjectValue([(.string("cert"), Self.open), (.string("aud"), .string("y"))]))
        #expect(library("io.jwt.decode_verify", token, constraints).hasPrefix("[true,"))
        let others = Value.object(ObjectValue([(.string("cert"), Self.open), (.string("aud"), .string("z"))]))
        #expect(library("io.jwt.decode_verify", token, others) == "[false,{},{}]")
    }

    @Test func `a public key is no shared secret`() {
        // The old attack: the token is signed with the text of the public key as the secret.
        guard case .string(let text) = Self.open else { return }
        let forged = json(#"{"kty": "oct", "k": "\#(Base64.url.encode(Array(text.string.utf8), padded: false))"}"#)
        let token = Self.sign(#"{"alg": "HS256"}"#, "{}", forged)
        let constraints = Value.object(ObjectValue([(.string("cert"), Self.open)]))
        #expect(library("io.jwt.decode_verify", token, constraints) == "[false,{},{}]")
        let bare = Value.string("eyJhbGciOiJub25lIn0.e30.")
        #expect(library("io.jwt.decode_verify", bare, constraints) == "[false,{},{}]")
    }

    static let malformed = [
        "", "a", "a.b", "a.b.c.d", "..", "e30.e30.!", "eyJhbGciOiJIUzI1NiJ9.bm90IGpzb24.", "e30.W10.", "W10.e30.",
        "eyJlbmMiOiJ4In0.e30.",
    ]

    @Test(arguments: malformed) func `refuses what is no token`(_ token: String) {
        #expect(library("io.jwt.decode", .string(token)).hasPrefix("builtin: "))
    }

    @Test func `a key that is not fit is refused`() {
        #expect(
            library("io.jwt.encode_sign", json(#"{"alg": "RS256"}"#), json("{}"), Self.secret).hasPrefix("builtin: "))
        #expect(
            library("io.jwt.encode_sign", json(#"{"alg": "HS256"}"#), json("{}"), json("{}")).hasPrefix("builtin: "))
        #expect(
            library(
                "io.jwt.verify_rs256", .string("e30.e30."),
                .string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            ).hasPrefix("builtin: failed to parse a PEM certificate"))
    }
}
