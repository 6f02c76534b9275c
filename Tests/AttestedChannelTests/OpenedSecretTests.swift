import AttestedChannel
import Crypto
import Envelope
import Testing
import WireFormat

@Suite("Sealed secrets that a guest opens")
struct OpenedSecretTests {
    private static let signer = P256.Signing.PrivateKey()
    private static let keyPath = "/kbs/v0/resource/default/signing-key/sealed-secret"
    private static let keyID = "kbs:///default/signing-key/sealed-secret"
    private static let secret = Array("only the guest".utf8)

    /// A broker with the public half of a signing key, and what more it answers.
    private static func broker(
        _ answers: [String: (body: JSONValue?, content: [UInt8])],
        key: P256.Signing.PublicKey = signer.publicKey
    ) -> FakeBroker.Behaviour {
        var behaviour = FakeBroker.Behaviour()
        behaviour.answers = answers
        behaviour.answers[keyPath] = (nil, JSONWebKey(key).json.canonicalBytes)
        return behaviour
    }

    private static func expectSecret(_ text: String, _ client: RCARClient) async throws {
        #expect(try await opened(text, client) == secret)
    }

    private static func opened(_ text: String, _ client: RCARClient) async throws -> [UInt8] {
        try await client.unseal(text).copyBytes()
    }

    private static func envelope(kind: UInt8) async throws -> (text: String, wrapped: [UInt8], key: SecretBytes) {
        let fresh = SecretBytes(random: 32)
        let box = try AES.GCM.seal(secret, using: fresh.withBytes { SymmetricKey(data: $0) })
        let wrapped: [UInt8] = [UInt8(ascii: "T"), 1, kind, 0, 0, 0, 1, 7, 7, 7]
        let sealed = SealedEnvelope(
            keyID: "kbs+kms:///default/seal", encryptedKey: Base64.encode(wrapped),
            encryptedData: Base64.encode(Array(box.ciphertext) + Array(box.tag)), wrapType: "A256GCM",
            iv: Base64.encode(Array(box.nonce)))
        return (try SealedSecret(.envelope(sealed)).signed(by: signer, keyID: keyID), wrapped, fresh)
    }

    @Test(arguments: [(UInt8(1), "decrypt"), (2, "unwrap")])
    func `an envelope opens with the key that the broker unwraps`(_ kind: UInt8, _ operation: String) async throws {
        let (text, wrapped, key) = try await Self.envelope(kind: kind)
        let answer: JSONValue = ["plaintext": .string(Base64.encode(key.copyBytes()))]
        let path = "/kbs/v0/kms/default/seal/\(operation)"
        let body: JSONValue = ["ciphertext": .string(Base64.encode(wrapped))]
        try await withBroker(Self.broker([path: (body, answer.canonicalBytes)])) { client, _, _ in
            try await Self.expectSecret(text, client)
        }
        #expect(
            try SealedText(text).needs()
                .resources == ["default/signing-key/sealed-secret"])
        let use = try SealedText(text).needs().key
        #expect([use?.namespace, use?.name, use?.operation] == ["default", "seal", operation])
        // Another key than the one it was sealed for.
        let other: JSONValue = ["plaintext": .string(Base64.encode(SecretBytes(random: 32).copyBytes()))]
        try await withBroker(Self.broker([path: (nil, other.canonicalBytes)])) { client, _, _ in
            let failure = await #expect(throws: BrokerFailure.self) { try await Self.opened(text, client) }
            #expect(failure?.kind == .badAnswer)
        }
    }

    @Test func `a vault is the resource that it names`() async throws {
        let text = try SealedSecret(.vault(name: "kbs:///default/env/api")).signed(by: Self.signer, keyID: Self.keyID)
        try await withBroker(Self.broker(["/kbs/v0/resource/default/env/api": (nil, Self.secret)])) { client, _, _ in
            try await Self.expectSecret(text, client)
        }
        #expect(
            try SealedText(text).needs()
                .resources == ["default/signing-key/sealed-secret", "default/env/api"])
        #expect(try SealedText(text).needs().key == nil)
        // What the broker does not give, nobody gets in its place.
        try await withBroker(Self.broker([:])) { client, _, _ in
            let failure = await #expect(throws: BrokerFailure.self) { try await Self.opened(text, client) }
            #expect(failure?.kind == .notFound)
        }
    }

    @Test func `what somebody else signed, changed or sealed for another service opens nothing`() async throws {
        let vault = SealedSecret(.vault(name: "kbs:///default/env/api"))
        let honest = try vault.signed(by: Self.signer, keyID: Self.keyID)
        var parts = honest.split(separator: ".").map(String.init)
        let other = try SealedSecret(.vault(name: "kbs:///default/env/other")).signed(
            by: Self.signer, keyID: Self.keyID)
        parts[2] = String(other.split(separator: ".")[2])
        let texts = [
            try vault.signed(by: P256.Signing.PrivateKey(), keyID: Self.keyID), parts.joined(separator: "."),
            try vault.signed(by: Self.signer, keyID: "key-1"), "sealed.a.b.c", "sealed.fakejwsheader",
            try SealedSecret(.vault(name: "kbs:///default/env/api"), provider: "aliyun").signed(
                by: Self.signer, keyID: Self.keyID),
            try SealedSecret(.vault(name: "/etc/shadow")).signed(by: Self.signer, keyID: Self.keyID),
        ]
        let answers: [String: (body: JSONValue?, content: [UInt8])] = [
            "/kbs/v0/resource/default/env/api": (nil, Self.secret),
            "/kbs/v0/resource/default/env/other": (nil, Self.secret),
        ]
        try await withBroker(Self.broker(answers)) { client, _, _ in
            try await Self.expectSecret(honest, client)
            for text in texts {
                let failure = await #expect(throws: BrokerFailure.self, "\(text)") {
                    try await Self.opened(text, client)
                }
                #expect(failure != nil)
            }
        }
    }
}
