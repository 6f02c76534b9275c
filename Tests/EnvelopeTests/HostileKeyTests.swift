import Crypto
import CryptoExtras
import Envelope
import Testing
import Unsealing
import WireFormat

/// Keys that guests send, in forms with which nothing should be encrypted.
@Suite("Hostile keys")
struct HostileKeyTests {
    private static let p256 = JSONWebKey(P256.KeyAgreement.PrivateKey().publicKey).json

    private static func p521() -> (key: P521.KeyAgreement.PrivateKey, jwk: JSONValue) {
        let key = P521.KeyAgreement.PrivateKey()
        let point = Array(key.publicKey.rawRepresentation)
        return (
            key,
            [
                "kty": "EC", "crv": "P-521", "alg": "ECDH-ES+A256KW", "x": .string(Base64.encodeURL(point[..<66])),
                "y": .string(Base64.encodeURL(point[66...])),
            ]
        )
    }

    /// A modulus that looks like one: odd, of the length, with the highest bit set.
    private static func rsa(_ changes: [String: JSONValue] = [:], bytes: Int = 256) -> JSONValue {
        var modulus = [UInt8](repeating: 0xd3, count: bytes)
        modulus[bytes - 1] |= 1
        let good: [String: JSONValue] = [
            "kty": "RSA", "alg": "RSA-OAEP-256", "n": .string(Base64.encodeURL(modulus)), "e": "AQAB",
        ]
        return .object(good.merging(changes) { $1 })
    }

    private static func changed(_ jwk: JSONValue, _ changes: [String: JSONValue]) -> JSONValue {
        .object((jwk.objectValue ?? [:]).merging(changes) { $1 }.filter { $1 != .null })
    }

    /// The member that the refusal names; nil when the key is taken.
    private func refused(_ jwk: JSONValue) -> String? {
        do {
            try JSONWebKey(parsing: jwk).requireRecipient()
            return nil
        } catch {
            return error.field
        }
    }

    @Test func `keys of the protocol are taken`() {
        for jwk in [Self.p256, Self.p521().jwk, Self.rsa(), Self.rsa(bytes: 512), Self.rsa(["e": "Aw"])] {
            #expect(refused(jwk) == nil)
            #expect(refused(Self.changed(jwk, ["alg": .null])) == nil)
        }
    }

    @Test func `an odd key is refused by the name of its member`() {
        let zeros = JSONValue.string(Base64.encodeURL([UInt8](repeating: 0, count: 32)))
        let ones = JSONValue.string(Base64.encodeURL([UInt8](repeating: 0xff, count: 32)))
        var even = [UInt8](repeating: 0xd3, count: 256)
        even[255] = 0xd2
        let short = [UInt8](repeating: 0xd3, count: 255)
        let cases: [(JSONValue, String)] = [
            // Points: infinity written as zeros, beyond the field, of another curve, with a coordinate of another length.
            (Self.changed(Self.p256, ["x": zeros, "y": zeros]), "jwk.x"),
            (Self.changed(Self.p256, ["x": ones]), "jwk.x"), (Self.changed(Self.p256, ["y": ones]), "jwk.x"),
            (Self.changed(Self.p256, ["y": Self.p256["x"] ?? .null]), "jwk.x"),
            (Self.changed(Self.p256, ["crv": "P-521"]), "jwk.x"),
            (Self.changed(Self.p521().jwk, ["crv": "P-256"]), "jwk.x"),
            (Self.changed(Self.p256, ["y": "AA"]), "jwk.y"), (Self.changed(Self.p256, ["x": "A"]), "jwk.x"),
            (Self.changed(Self.p256, ["crv": "P-384"]), "jwk.crv"),
            (Self.changed(Self.p256, ["crv": "secp256k1"]), "jwk.crv"),
            (Self.changed(Self.p256, ["kty": "OKP", "crv": "X25519"]), "jwk.kty"),
            // What the key is called and what it is have to agree.
            (Self.changed(Self.p256, ["alg": "RSA-OAEP-256"]), "jwk.alg"),
            (Self.changed(Self.p256, ["alg": "ECDH-ES"]), "jwk.alg"),
            (Self.changed(Self.p256, ["alg": "ES256"]), "jwk.alg"),
            (Self.changed(Self.p256, ["alg": "dir"]), "jwk.alg"), (Self.changed(Self.p256, ["alg": ""]), "jwk.alg"),
            (Self.rsa(["alg": "ECDH-ES+A256KW"]), "jwk.alg"), (Self.rsa(["alg": "RSA1_5"]), "jwk.alg"),
            (Self.rsa(["alg": "RSA-OAEP"]), "jwk.alg"), (Self.rsa(["alg": 1]), "jwk.alg"),
            (Self.rsa(["kty": "EC"]), "jwk.crv"), (Self.changed(Self.p256, ["kty": "RSA"]), "jwk.n"),
            // RSA numbers.
            (Self.rsa(["n": .string(Base64.encodeURL(even))]), "jwk.n"),
            (Self.rsa(["n": .string(Base64.encodeURL(short))]), "jwk.n"), (Self.rsa(["n": "AQAB"]), "jwk.n"),
            (Self.rsa(["n": .string(Base64.encodeURL([0] + [UInt8](repeating: 0xd3, count: 256)))]), "jwk.n"),
            (Self.rsa(bytes: 1025), "jwk.n"), (Self.rsa(["n": ""]), "jwk.n"), (Self.rsa(["e": "AQ"]), "jwk.e"),
            (Self.rsa(["e": "Ag"]), "jwk.e"), (Self.rsa(["e": "AQAA"]), "jwk.e"), (Self.rsa(["e": "AAEAAQ"]), "jwk.e"),
            (Self.rsa(["e": ""]), "jwk.e"), (Self.rsa(["e": "AQABAQAB"]), "jwk.e"), (Self.rsa(["e": "AA"]), "jwk.e"),
            // Private parts.
            (Self.changed(Self.p256, ["d": "AA"]), "jwk.d"), (Self.rsa(["d": "AA"]), "jwk.d"),
            (["kty": "oct", "k": "AA"], "jwk.d"), (["kty": "AKP", "pub": "AA"], "jwk.kty"),
        ]
        for (jwk, field) in cases { #expect(refused(jwk) == field, "\(jwk.canonicalText.prefix(120))") }
    }

    @Test func `a P-521 key gets an answer with a header in the clients' order`() throws {
        let (key, jwk) = Self.p521()
        let message = try JWE.encrypt(Array("secret".utf8), to: try JSONWebKey(parsing: jwk))
        #expect(try JWE.open(message, with: key).copyBytes() == Array("secret".utf8))
        let header = String(
            decoding: try Base64.decodeURL(message["protected"]?.stringValue ?? "", field: "protected"), as: UTF8.self)
        let start = #"{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"crv":"P-521","kty":"EC","x":""#
        #expect(header.hasPrefix(start))
        let wrapped = try Base64.decodeURL(message["encrypted_key"]?.stringValue ?? "", field: "key")
        #expect(wrapped.count == 40)
    }

    @Test func `a pointer finds what RFC 6901 says`() throws {
        let document = try JSONValue.parse(
            text: #"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4," ":7,"m~n":8,"x":null}"#)
        let cases: [(String, JSONValue?)] = [
            ("", document), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2),
            ("/e^f", 3), ("/g|h", 4), ("/ ", 7), ("/m~0n", 8), ("/foo/2", nil), ("/foo/00", nil), ("/foo/-", nil),
            ("/foo/bar", nil), ("/none", nil), ("/a~1b/c", nil), ("/x", .null), ("/foo/+1", nil),
        ]
        for (text, value) in cases {
            #expect(try JSONPointer(parsing: text, field: "p").value(in: document) == value, "\(text)")
        }
        for text in ["foo", "/~", "/~2", "/a~"] {
            #expect(throws: WireError.self) { try JSONPointer(parsing: text, field: "p") }
        }
    }
}
