import Envelope
import Testing
import WireFormat

@Suite("Secrets and digests")
struct SecretTests {
    @Test("secrets do not print and compare by their bytes")
    func secrets() {
        let secret = SecretBytes([0x41, 0x42])
        #expect("\(secret)" == "<secret>")
        #expect(String(reflecting: secret) == "<secret>")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("65") && !dumped.contains("AB"))
        #expect(secret == SecretBytes([0x41, 0x42]))
        #expect(secret != SecretBytes([0x41, 0x43]))
        #expect(secret != SecretBytes([0x41]))
        #expect(secret.copyBytes() == [0x41, 0x42])
        #expect(SecretBytes([]).count == 0)
        #expect(SecretBytes(random: 32) != SecretBytes(random: 32))
        #expect(
            constantTimeEqual([1, 2], [1, 2]) && !constantTimeEqual([1, 2], [1, 3]) && !constantTimeEqual([1], [1, 2]))
    }

    @Test("digests")
    func digests() throws {
        let empty = SHA256Digest(hashing: [])
        #expect(empty.description == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(try SHA256Digest.parse(empty.description) == empty)
        #expect(try SHA256Digest(hex: empty.hex) == empty)
        let claims: JSONValue = ["b": 1, "a": "test", "c": ["d": "e"]]
        #expect(
            SHA384Digest(hashing: claims.canonicalBytes).hex
                == "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da78870c3")
        #expect(SHA512Digest(hashing: []).bytes.count == 64)
        for text in ["", "sha256:", "sha512:\(empty.hex)", empty.hex, "sha256:\(empty.hex.uppercased())", "\(empty)00"]
        {
            #expect(throws: WireError.self) { try SHA256Digest.parse(text) }
        }
        #expect(throws: WireError.self) { try SHA384Digest(bytes: empty.bytes) }
    }
}
