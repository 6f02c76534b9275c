import Crypto
import Envelope
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Token keys")
struct TokenKeyringTests {
    private static func issuer(_ key: TokenSigningKey) -> AttestationTokenIssuer {
        AttestationTokenIssuer(
            keyring: TokenKeyring(key, since: 1000, lifetime: 300), issuer: "tests", build: "tests")
    }

    @Test(arguments: TokenSigningKey.Algorithm.allCases)
    func `a token says who signed it, and changes show`(algorithm: TokenSigningKey.Algorithm) throws {
        let key = TokenSigningKey(algorithm)
        let issuer = Self.issuer(key)
        let token = try issuer.issue(submodules: [:], now: 1000)
        let header = try JWS.unverifiedHeader(token)
        #expect(header["alg"]?.stringValue == algorithm.rawValue)
        #expect(header["kid"]?.stringValue == key.identifier)
        #expect(try issuer.keyring.claims(of: token, now: 1000)["iss"] == "tests")
        let parts = token.split(separator: ".").map(String.init)
        let other = algorithm == .es256 ? "ES384" : "ES256"
        let relabelled = Base64.encodeURL(Array(#"{"alg":"\#(other)","typ":"JWT"}"#.utf8))
        let none = Base64.encodeURL(Array(#"{"alg":"none","typ":"JWT"}"#.utf8))
        for forged in [
            "\(relabelled).\(parts[1]).\(parts[2])", "\(none).\(parts[1]).", token + "A",
            try Self.issuer(TokenSigningKey(algorithm)).issue(submodules: [:], now: 1000),
        ] {
            #expect(throws: WireError.self) { try issuer.keyring.claims(of: forged, now: 1000) }
        }
    }

    @Test func `tokens outlive the rotation of their key, but not their time`() throws {
        let old = TokenSigningKey(.es256)
        let issuer = Self.issuer(old)
        let keyring = issuer.keyring
        let token = try issuer.issue(submodules: [:], now: 1100)
        let new = TokenSigningKey(.es384)
        keyring.rotate(to: new, now: 1200)
        func names(_ now: Int64) -> [String?] {
            keyring.keySet(now: now)["keys"]?.arrayValue?.map { $0["kid"]?.stringValue } ?? []
        }
        #expect(names(1200) == [new.identifier, old.identifier])
        #expect(throws: Never.self) { try keyring.claims(of: token, now: 1399) }
        #expect(throws: WireError.self) { try keyring.claims(of: token, now: 1400) }
        let fresh = try issuer.issue(submodules: [:], now: 1300)
        #expect(try JWS.unverifiedHeader(fresh)["kid"]?.stringValue == new.identifier)
        #expect(names(1499) == [new.identifier, old.identifier])
        #expect(names(1500) == [new.identifier])
    }

    @Test func `whoever finds an old key issues nothing with it`() throws {
        let old = TokenSigningKey(.es256)
        let issuer = Self.issuer(old)
        issuer.keyring.rotate(to: TokenSigningKey(.es256), now: 1200)
        func forged(_ issued: Int64, _ expires: Int64) throws -> String {
            try old.sign(["iat": .integer(issued), "exp": .integer(expires), "iss": "tests"])
        }
        for (issued, expires) in [(Int64(1250), Int64(1400)), (1190, 9000), (1190, 1491)] {
            let token = try forged(issued, expires)
            let error = #expect(throws: WireError.self) { try issuer.keyring.claims(of: token, now: 1260) }
            #expect(error?.field == "iat")
        }
        #expect(throws: Never.self) { try issuer.keyring.claims(of: try forged(1190, 1490), now: 1260) }
        // Times whose difference no number holds end the call, not the process.
        for issued in [-9_223_372_036_854_775_000, -1] as [Int64] {
            let token = try forged(issued, 9_007_199_254_740_991)
            let error = #expect(throws: WireError.self) { try issuer.keyring.claims(of: token, now: 1260) }
            #expect(error?.field == "iat")
        }
    }

    @Test func `a token that was checked before is checked again where its key or its time is another`() throws {
        let key = TokenSigningKey(.es256)
        let issuer = Self.issuer(key)
        let token = try issuer.issue(submodules: [:], now: 1000)
        let first = try issuer.keyring.claims(of: token, now: 1000)
        #expect(try issuer.keyring.claims(of: token, now: 1100) == first)
        for forged in [token + "A", String(token.dropLast()), token.uppercased()] {
            let error = #expect(throws: WireError.self) { try issuer.keyring.claims(of: forged, now: 1100) }
            #expect(error?.field == "signature")
        }
        let late = #expect(throws: WireError.self) { try issuer.keyring.claims(of: token, now: 1300) }
        #expect(late?.field == "exp")
        let early = #expect(throws: WireError.self) { try issuer.keyring.claims(of: token, now: 900) }
        #expect(early?.field == "iat")
        // Another replica replaced all keys, because of a theft perhaps.
        try issuer.keyring.restore(Self.issuer(TokenSigningKey(.es256)).keyring.sealedForm)
        let gone = #expect(throws: WireError.self) { try issuer.keyring.claims(of: token, now: 1100) }
        #expect(gone?.field == "signature")
    }

    @Test func `of checked tokens the oldest are forgotten`() {
        var checked = CheckedSignatures(limit: 3)
        func digest(_ number: UInt8) -> SHA256.Digest { SHA256.hash(data: [number]) }
        for number in UInt8(0)..<7 {
            // Twice the same is one.
            for _ in 0..<2 { checked.note(digest(number), signedBy: "a", .integer(Int64(number))) }
            #expect(checked.count == min(3, Int(number) + 1))
        }
        #expect((0..<7).map { checked.claims(digest($0), signedBy: "a") } == [nil, nil, nil, nil, 4, 5, 6])
        #expect(checked.claims(digest(6), signedBy: "b") == nil)
    }

    @Test func `a token too long to be kept is checked each time`() throws {
        let issuer = Self.issuer(TokenSigningKey(.es256))
        let long = String(repeating: "x", count: CheckedSignatures.tokenLimit)
        let token = try issuer.keyring.sign(["iat": 1000, "exp": 1300, "long": .string(long)])
        for _ in 0..<2 { #expect(try issuer.keyring.claims(of: token, now: 1100)["long"]?.stringValue == long) }
        #expect(throws: WireError.self) { try issuer.keyring.claims(of: token + "A", now: 1100) }
    }

    @Test func `keys come back from sealed storage as they were`() throws {
        let issuer = Self.issuer(TokenSigningKey(.es256).certified(by: [[9]]))
        let token = try issuer.issue(submodules: [:], now: 1100)
        issuer.keyring.rotate(to: TokenSigningKey(.es384), now: 1200)
        let form = issuer.keyring.sealedForm
        let restored = try TokenKeyring(restoring: form, lifetime: 300)
        #expect(restored.keySet(now: 1200) == issuer.keyring.keySet(now: 1200))
        #expect(throws: Never.self) { try restored.claims(of: token, now: 1300) }
        #expect(restored.sealedForm == form)
        for broken: JSONValue in [[:], ["current": [:], "retired": []], .null] {
            #expect(throws: WireError.self) { try TokenKeyring(restoring: broken, lifetime: 300) }
        }
    }

    @Test(.enabled(if: Vectors.available)) func `a key set has the form of trustee's`() throws {
        let folder = "trustee/attestation-service/tests/fixtures/jwk"
        let pem = try Vectors.text("\(folder)/signing-key.pem")
        let expected = try JSONValue.parse(try Vectors.bytes("\(folder)/expected-jwks.json"))
        let text = try Vectors.text("\(folder)/cert-chain.pem").split(separator: "\n")
            .filter { !$0.hasPrefix("-----") }.joined()
        let key = TokenSigningKey(
            try P256.Signing.PrivateKey(pemRepresentation: pem), certificates: [try Base64.decode(text, field: "x5c")])
        var found = key.publicKey.objectValue ?? [:]
        // trustee's keys have no names.
        #expect(found.removeValue(forKey: "kid")?.stringValue == key.identifier)
        #expect(expected == ["keys": [.object(found)]])
    }
}
