import Crypto
import Envelope
import Testing
import WireFormat

@Suite("JSON Web Signatures")
struct JWSTests {
    let claims: JSONValue = ["sub": "x", "exp": 1]

    @Test("what is signed verifies with its key and no other")
    func roundTrip() throws {
        let elliptic = P256.Signing.PrivateKey()
        let edwards = Curve25519.Signing.PrivateKey()
        let first = try JWS.signES256(claims: claims, key: elliptic, header: ["kid": "a", "alg": "none"])
        let second = try JWS.signEdDSA(claims: claims, key: edwards)
        let keys: [JWS.Key] = [.edDSA(edwards.publicKey), .es256(elliptic.publicKey)]
        let opened = try JWS.verify(first, keys: keys)
        #expect(opened.payload == claims)
        #expect(opened.header == ["alg": "ES256", "kid": "a", "typ": "JWT"])
        #expect(try JWS.verify(second, keys: keys).payload == claims)
        #expect(throws: EnvelopeError.self) { try JWS.verify(first, keys: [.edDSA(edwards.publicKey)]) }
        #expect(throws: EnvelopeError.self) { try JWS.verify(first, keys: []) }
        let stranger = P256.Signing.PrivateKey()
        #expect(throws: EnvelopeError.self) { try JWS.verify(first, keys: [.es256(stranger.publicKey)]) }
    }

    @Test("the example of RFC 8037, appendix A.4")
    func edDSA() throws {
        let key = try Curve25519.Signing.PublicKey(
            rawRepresentation: try Base64.decodeURL("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", field: "x"))
        let message =
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
            + "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        // The signature is right, yet its payload is a text where claims are wanted.
        #expect(throws: EnvelopeError("the signed payload is not JSON")) {
            try JWS.verify(message, keys: [.edDSA(key)])
        }
    }

    @Test("a change of any byte of any part is refused")
    func tampered() throws {
        let key = P256.Signing.PrivateKey()
        let message = try JWS.signES256(claims: claims, key: key)
        let bytes = Array(message.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let text = String(decoding: changed, as: UTF8.self)
            #expect(throws: EnvelopeError.self, "\(index)") { try JWS.verify(text, keys: [.es256(key.publicKey)]) }
            let prefix = String(decoding: bytes.prefix(index), as: UTF8.self)
            #expect(throws: EnvelopeError.self) { try JWS.verify(prefix, keys: [.es256(key.publicKey)]) }
        }
    }

    @Test(
        "none, other algorithms and critical extensions are refused",
        arguments: [
            #"{"alg":"none"}"#, #"{"alg":"HS256"}"#, #"{"alg":"ES256","crit":["b64"],"b64":false}"#, #"{"typ":"JWT"}"#,
            "[]",
        ])
    func algorithms(header: String) throws {
        let key = P256.Signing.PrivateKey()
        let signed = "\(Base64.encodeURL(header.utf8)).\(Base64.encodeURL(claims.canonicalBytes))"
        let signature = Array(try key.signature(for: Array(signed.utf8)).rawRepresentation)
        for last in [Base64.encodeURL(signature), ""] {
            #expect(throws: EnvelopeError.self) { try JWS.verify("\(signed).\(last)", keys: [.es256(key.publicKey)]) }
        }
    }
}
