import Crypto
import Envelope
import Testing
import WireFormat

@testable import KeyManagement

private func hex(_ text: String) -> [UInt8] {
    (try? Hex.decode(text.filter { !$0.isWhitespace }, field: "vector")) ?? []
}

private func secret(_ text: String) -> SecretBytes { SecretBytes(hex(text)) }

@Suite("Key management: published vectors")
struct KnownAnswerTests {
    @Test func `AES-256 key wrap, RFC 3394 section 4.6`() async throws {
        let keys = try await KeyBench().keys()
        let name = try KeyBench.name("kek")
        let kek = secret("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
        try await keys.create(name, KeyDescription(kind: .aes256KW), from: .raw(kek), by: KeyBench.admin)
        let data = secret("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
        let wrapped = try await keys.wrap(data, with: name, by: KeyBench.guest)
        #expect(
            wrapped == hex("540102 00000001")
                + hex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"))
        #expect(try await keys.unwrap(wrapped, with: name, by: KeyBench.guest) == data)
    }

    @Test func `AES-256-GCM, test case 16 of the specification`() throws {
        let key = SymmetricKey(data: hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let plaintext = secret(
            """
            d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
            1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39
            """)
        let associated = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        let nonce = hex("cafebabefacedbaddecaf888")
        let sealed = try KeyMessage.seal(
            plaintext, key, nonce: try AES.GCM.Nonce(data: nonce), associated: associated)
        let expected =
            nonce
            + hex(
                """
                522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
                8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662
                76fc6ece0f4e1768cddf8853bb2d551b
                """)
        #expect(sealed == expected)
        #expect(try KeyMessage.open(sealed, key, associated: associated) == plaintext)
    }

    @Test func `HMAC, RFC 4231 test case 6`() async throws {
        let keys = try await KeyBench().keys()
        let message = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        for (kind, code) in [
            (KeyKind.hmacSHA256, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
            (
                .hmacSHA384,
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"
            ),
        ] {
            let name = try KeyBench.name(kind.rawValue)
            try await keys.create(
                name, KeyDescription(kind: kind), from: .raw(SecretBytes([UInt8](repeating: 0xAA, count: 131))),
                by: KeyBench.admin)
            let made = try await keys.mac(message, with: name, by: KeyBench.guest)
            #expect(made.value == hex(code))
            #expect(try await keys.verifyMAC(hex(code), of: message, with: name, version: 1, by: KeyBench.guest))
            #expect(
                try await keys.verifyMAC(
                    Array(hex(code).dropLast()), of: message, with: name, version: 1, by: KeyBench.guest)
                    == false)
        }
    }

    /// Computed with Python's `hmac` from RFC 5869's text: no salt, and as info the text of this key management, the header,
    /// the name with its length and the context.
    @Test(arguments: [
        (KeyKind.hkdfSHA256, 32, "9897dca1a826d1857010760aef9c923d17034bcbe18d70ee0c55e3ca102ceda06054dd1872c22781"),
        (KeyKind.hkdfSHA384, 48, "6e281c4ae6b794fd792802aa1cbd4564f886c261b789aa5d6a2df10d82644073f37b62c2a08ff572"),
    ])
    func `HKDF, against another implementation`(kind: KeyKind, size: Int, expected: String) async throws {
        let keys = try await KeyBench().keys()
        let name = try KeyBench.name(size == 32 ? "hkdf-sha256" : "hkdf-sha384")
        try await keys.create(
            name, KeyDescription(kind: kind), from: .raw(SecretBytes((0..<UInt8(size)).map { $0 })), by: KeyBench.admin)
        let made = try await keys.derive(Array("disk".utf8), bytes: 40, with: name, by: KeyBench.guest)
        #expect(made.value.copyBytes() == hex(expected))
        let other = try await keys.derive(Array("disc".utf8), bytes: 40, with: name, by: KeyBench.guest)
        #expect(other.value != made.value)
    }

    @Test func `Ed25519, RFC 8032 test 2`() async throws {
        let keys = try await KeyBench().keys()
        let name = try KeyBench.name("ed")
        let jwk = JSONValue.object([
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "d": .string(Base64.encodeURL(hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))),
            "x": .string(Base64.encodeURL(hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"))),
        ])
        try await keys.create(name, KeyDescription(kind: .ed25519), from: .jwk(jwk), by: KeyBench.admin)
        let expected = hex(
            """
            92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
            085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
            """)
        #expect(try await keys.verify(expected, of: [0x72], with: name, version: 1, by: KeyBench.guest))
        #expect(try await keys.verify(expected, of: [0x73], with: name, version: 1, by: KeyBench.guest) == false)
        let made = try await keys.sign([0x72], with: name, by: KeyBench.guest)
        #expect(try await keys.verify(made.value, of: [0x72], with: name, version: 1, by: KeyBench.guest))
    }

    struct ECDSAVector: Sendable {
        let kind: KeyKind
        let d: String
        let x: String
        let y: String
        let signature: String
    }

    /// RFC 6979, A.2.5 and A.2.6, message "sample".
    static let ecdsa = [
        ECDSAVector(
            kind: .ecdsaP256, d: "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
            x: "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
            y: "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
            signature: """
                EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
                F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
                """),
        ECDSAVector(
            kind: .ecdsaP384,
            d: "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
            x: "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13",
            y: "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
            signature: """
                94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46
                99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8
                """),
    ]

    @Test(arguments: ecdsa) func `ECDSA, RFC 6979`(vector: ECDSAVector) async throws {
        let keys = try await KeyBench().keys()
        let name = try KeyBench.name("ec")
        try await keys.create(
            name, KeyDescription(kind: vector.kind), from: .raw(secret(vector.d)), by: KeyBench.admin)
        let shown = try await keys.publicKey(name, by: KeyBench.guest).jwk(name: name)
        #expect(shown["x"]?.stringValue == Base64.encodeURL(hex(vector.x)))
        #expect(shown["y"]?.stringValue == Base64.encodeURL(hex(vector.y)))
        let message = Array("sample".utf8)
        #expect(
            try await keys.verify(hex(vector.signature), of: message, with: name, version: 1, by: KeyBench.guest))
        #expect(
            try await keys.verify(hex(vector.signature), of: [1], with: name, version: 1, by: KeyBench.guest) == false)
    }
}
