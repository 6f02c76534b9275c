import Crypto
import CryptoExtras
import Envelope
import Testing
import Unsealing
import WireFormat

@Suite("JSON Web Encryption")
struct JWETests {
    private static func p256(_ scalar: String) throws -> P256.KeyAgreement.PrivateKey {
        try P256.KeyAgreement.PrivateKey(rawRepresentation: try Base64.decodeURL(scalar, field: "d"))
    }

    @Test("the key derivation of RFC 7518, appendix C")
    func derivation() throws {
        let bob = try Self.p256("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw")
        let alice = try JSONWebKey(parsing: [
            "kty": "EC", "crv": "P-256", "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
        ])
        let shared = try bob.sharedSecretFromKeyAgreement(with: try alice.p256Agreement())
        let key = ConcatKDF.derive(
            sharedSecret: shared, algorithm: "A128GCM", partyU: Array("Alice".utf8), partyV: Array("Bob".utf8),
            keyBits: 128)
        #expect(Base64.encodeURL(key.withUnsafeBytes { Array($0) }) == "VqqN6vgjbSBcIijNcacQGg")
    }

    @Test("the key wrap of RFC 3394, section 4.6")
    func keyWrap() throws {
        let wrapping = SymmetricKey(data: Array(UInt8(0)...31))
        let key = try Hex.decode("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", field: "key")
        let wrapped = try AESKeyWrap.wrap(SymmetricKey(data: key), under: wrapping)
        #expect(
            Hex.encode(wrapped) == "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21")
        #expect(try AESKeyWrap.unwrap(wrapped, under: wrapping).withUnsafeBytes { Array($0) } == key)
        for index in wrapped.indices {
            var changed = wrapped
            changed[index] ^= 1
            #expect(throws: EnvelopeError.self) { try AESKeyWrap.unwrap(changed, under: wrapping) }
        }
    }

    @Test("messages of another implementation open")
    func interoperates() throws {
        let message = try JSONValue.parse(text: JoseVectors.p256)
        #expect(try JWE.open(message, with: try Self.p256(JoseVectors.p256Key)).copyBytes() == JoseVectors.plaintext)
        let parties = try JSONValue.parse(text: JoseVectors.parties)
        #expect(try JWE.open(parties, with: try Self.p256(JoseVectors.partiesKey)).copyBytes() == JoseVectors.plaintext)
        let long = try P521.KeyAgreement.PrivateKey(
            rawRepresentation: try Base64.decodeURL(JoseVectors.p521Key, field: "d"))
        let p521 = try JSONValue.parse(text: JoseVectors.p521)
        #expect(try JWE.open(p521, with: long).copyBytes() == JoseVectors.plaintext)
        let rsa = try _RSA.Encryption.PrivateKey(pemRepresentation: JoseVectors.rsaKey)
        #expect(
            try JWE.open(try JSONValue.parse(text: JoseVectors.rsa), with: rsa).copyBytes() == JoseVectors.plaintext)
        #expect(throws: EnvelopeError.self) { try JWE.open(message, with: P256.KeyAgreement.PrivateKey()) }
    }

    @Test("what is sealed opens again, whatever its length", arguments: [0, 1, 32, 5000])
    func roundTrip(length: Int) throws {
        let plain = [UInt8](repeating: 7, count: length)
        let key = P256.KeyAgreement.PrivateKey()
        #expect(try JWE.open(try JWE.encrypt(plain, to: JSONWebKey(key.publicKey)), with: key).copyBytes() == plain)
        let rsa = try _RSA.Encryption.PrivateKey(pemRepresentation: JoseVectors.rsaKey)
        let numbers = try rsa.publicKey.getKeyPrimitives()
        let web = try JSONWebKey(parsing: [
            "kty": "RSA", "alg": "RSA-OAEP-256", "n": .string(Base64.encodeURL(Array(numbers.modulus))),
            "e": .string(Base64.encodeURL(Array(numbers.publicExponent))),
        ])
        #expect(try JWE.open(try JWE.encrypt(plain, to: web), with: rsa).copyBytes() == plain)
        #expect(throws: EnvelopeError.self) { try JWE.open(try JWE.encrypt(plain, to: web), with: key) }
    }

    /// A client rebuilds the authenticated bytes from the parsed header and must come to the same.
    @Test("the header is compact with members in the order that clients write")
    func headerOrder() throws {
        let key = P256.KeyAgreement.PrivateKey()
        let message = try JWE.encrypt([1], to: JSONWebKey(key.publicKey))
        let header = try Base64.decodeURL(message["protected"]?.stringValue ?? "", field: "protected")
        let epk = try JSONValue.parse(header)["epk"]
        let (x, y) = (epk?["x"]?.stringValue ?? "", epk?["y"]?.stringValue ?? "")
        #expect(
            String(decoding: header, as: UTF8.self)
                == #"{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"crv":"P-256","kty":"EC","x":"\#(x)","y":"\#(y)"}}"#
        )
        #expect(message.objectValue?.keys.sorted() == ["ciphertext", "encrypted_key", "iv", "protected", "tag"])
    }

    @Test("a change of any byte of any field is refused")
    func tampered() throws {
        let key = P256.KeyAgreement.PrivateKey()
        let message = try JWE.encrypt(Array("secret".utf8), to: JSONWebKey(key.publicKey))
        for (name, value) in try #require(message.objectValue) {
            let bytes = try Base64.decodeURL(value.stringValue ?? "", field: name)
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= 1
                var fields = try #require(message.objectValue)
                fields[name] = .string(Base64.encodeURL(changed))
                #expect(throws: EnvelopeError.self, "\(name)[\(index)]") { try JWE.open(.object(fields), with: key) }
            }
            var missing = try #require(message.objectValue)
            missing[name] = nil
            #expect(throws: EnvelopeError.self) { try JWE.open(.object(missing), with: key) }
        }
        var more = try #require(message.objectValue)
        more["recipients"] = []
        #expect(throws: EnvelopeError.self) { try JWE.open(.object(more), with: key) }
    }

    @Test("keys that are none are refused")
    func badKeys() throws {
        let point = Base64.encodeURL([UInt8](repeating: 1, count: 32))
        let bad: [JSONValue] = [
            [:], ["kty": "oct", "k": "AA"], ["kty": "EC", "crv": "P-256", "x": .string(point), "y": .string(point)],
            ["kty": "EC", "crv": "P-384", "x": .string(point), "y": .string(point)],
            ["kty": "EC", "crv": "P-256", "x": .string(point)], ["kty": "RSA", "n": "AQAB", "e": "AQAB"], [1],
        ]
        for value in bad { #expect(throws: WireError.self) { try JSONWebKey(parsing: value) } }
        var fields = try #require(JSONWebKey(P256.Signing.PrivateKey().publicKey).json.objectValue)
        _ = try JSONWebKey(parsing: .object(fields))
        fields["d"] = "AA"
        #expect(throws: WireError.self) { try JSONWebKey(parsing: .object(fields)) }
        let signing = JSONWebKey(P256.Signing.PrivateKey().publicKey)
        #expect(throws: EnvelopeError.self) { try JWE.encrypt([1], to: signing) }
    }

    @Test("the thumbprint of RFC 7638, section 3.1")
    func thumbprint() throws {
        let key = try JSONWebKey(parsing: [
            "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": .string(
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
                    + "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zg"
                    + "dAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
                    + "Cur-kEgU8awapJzKnqDKgw"),
        ])
        #expect(Base64.encodeURL(key.thumbprint.bytes) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    }
}
