import Crypto
import Envelope
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import KeyManagement

private func publicKey(_ jwk: JSONValue) throws -> P256.Signing.PublicKey {
    let x = try Base64.decodeURL(jwk["x"]?.stringValue ?? "", field: "x")
    let y = try Base64.decodeURL(jwk["y"]?.stringValue ?? "", field: "y")
    return try P256.Signing.PublicKey(rawRepresentation: x + y)
}

@Suite("Sealed secrets")
struct SealedSecretTests {
    @Test(.enabled(if: Vectors.available)) func `what Kata's tests use is read and verified`() throws {
        let vectors = try JSONValue.parse(try Vectors.bytes("guest/derived/sealed-secrets.json"))
        let key = try publicKey(vectors["public_jwk"] ?? .null)
        let secrets = vectors["secrets"]?.arrayValue ?? []
        #expect(secrets.count == 3)
        for secret in secrets {
            let compact = secret["compact"]?.stringValue ?? ""
            let text = try SealedText(compact)
            #expect(text.keyID == secret["header"]?["kid"]?.stringValue)
            let read = try text.verified(by: key)
            #expect(read.payload == secret["payload"])
            #expect(read.content == .vault(name: secret["payload"]?["name"]?.stringValue ?? ""))
            #expect(throws: EnvelopeError.self) { try text.verified(by: P256.Signing.PrivateKey().publicKey) }
            let bytes = Array(compact.utf8)
            for place in bytes.indices {
                var changed = bytes
                changed[place] = changed[place] == UInt8(ascii: "X") ? UInt8(ascii: "Y") : UInt8(ascii: "X")
                #expect(throws: (any Error).self, "changed at \(place)") {
                    try SealedText(String(decoding: changed, as: UTF8.self)).verified(by: key)
                }
            }
            for end in stride(from: 0, to: bytes.count, by: 3) {
                #expect(throws: (any Error).self, "cut at \(end)") {
                    try SealedText(String(decoding: bytes[..<end], as: UTF8.self)).verified(by: key)
                }
            }
        }
    }

    @Test(.enabled(if: Vectors.available))
    func `what Confidential Containers' own tests seal is read, signed and verified`() throws {
        let folder = "guest/guest-components/confidential-data-hub/hub/src/secret/tests"
        let jwk = try JSONValue.parse(try Vectors.bytes("\(folder)/test-key.json"))
        let other = try JSONValue.parse(try Vectors.bytes("\(folder)/test-key-2.json"))
        let scalar = try Base64.decodeURL(jwk["d"]?.stringValue ?? "", field: "d")
        let key = try P256.Signing.PrivateKey(rawRepresentation: scalar)
        for file in ["envelope-1", "vault-1", "vault-2"] {
            let payload = try JSONValue.parse(try Vectors.bytes("\(folder)/\(file).json"))
            let secret = try SealedSecret(payload: payload)
            #expect(secret.payload == payload)
            let text = try secret.signed(by: key, keyID: "test-key")
            #expect(try SealedText(text).verified(by: try publicKey(jwk)) == secret)
            #expect(throws: EnvelopeError.self) { try SealedText(text).verified(by: try publicKey(other)) }
        }
    }

    @Test(arguments: [KeyKind.aes256KW, .aes256GCM])
    func `an envelope is sealed, signed, unwrapped for whom the policy lets, and opened`(kind: KeyKind) async throws {
        let manifest = String(repeating: "b", count: 64)
        let operation: KeyOperation = kind == .aes256KW ? .unwrap : .decrypt
        let name = try KeyBench.name("sealing")
        let bench = try KeyBench()
        let keys = try await bench.keys(
            policy: GrantPolicy { $0 == manifest ? [KeyGrant(key: name, operation: operation)] : nil })
        try await keys.create(name, KeyDescription(kind: kind), by: KeyBench.admin)
        let secret = SecretBytes(Array("a password".utf8))
        let signing = P256.Signing.PrivateKey()
        let text = try await keys.seal(secret, with: name, by: KeyBench.admin).signed(
            by: signing, keyID: "kbs:///default/signing-key/one")
        let read = try SealedText(text).verified(by: signing.publicKey)
        guard case .envelope(let envelope) = read.content else {
            Issue.record("not an envelope")
            return
        }
        let guest = KeyCaller.guest(AttestedCaller(manifest: manifest))
        let key = try await keys.unwrap(read, by: guest)
        #expect(try envelope.open(with: key) == secret)
        #expect(throws: EnvelopeError.self) { try envelope.open(with: SecretBytes(random: 32)) }
        // After a rotation it still opens; after destruction it is lost.
        try await keys.rotate(name, by: KeyBench.admin)
        #expect(try await keys.unwrap(read, by: guest) == key)
        let stranger = KeyCaller.guest(AttestedCaller(manifest: String(repeating: "c", count: 64)))
        #expect(await failure { try await keys.unwrap(read, by: stranger) }?.kind == .denied)
        #expect(await failure { try await keys.unwrap(read, by: KeyBench.admin) }?.kind == .denied)
        try await keys.destroy(name, version: 1, by: KeyBench.admin)
        #expect(await failure { try await keys.unwrap(read, by: guest) }?.reason == "version 1 was destroyed")
    }

    @Test func `forms that must not be are refused with their field`() throws {
        let key = P256.Signing.PrivateKey()
        let good = SealedSecret(.vault(name: "kbs:///a/b/c"))
        func text(_ header: JSONValue, _ payload: JSONValue) throws -> String {
            let signed = Base64.encodeURL(header.canonicalBytes) + "." + Base64.encodeURL(payload.canonicalBytes)
            let signature = try key.signature(for: Array(signed.utf8)).rawRepresentation
            return "sealed.\(signed).\(Base64.encodeURL(Array(signature)))"
        }
        let header = JSONValue.object(["alg": "ES256", "kid": "k"])
        #expect(try SealedText(try text(header, good.payload)).verified(by: key.publicKey) == good)
        let headers: [(JSONValue, String)] = [
            (["alg": "none", "kid": "k"], "sealed.header.alg"), (["alg": "HS256", "kid": "k"], "sealed.header.alg"),
            (["kid": "k"], "sealed.header.alg"), (["alg": "ES256"], "sealed.header.kid"),
            (["alg": "ES256", "kid": "k", "b64": false], "sealed.header.b64"),
            (["alg": "ES256", "kid": "k", "crit": ["b64"]], "sealed.header.crit"), ([1], "sealed.header"),
        ]
        for (header, field) in headers {
            let found = #expect(throws: WireError.self) { try SealedText(try text(header, good.payload)) }
            #expect(found?.field == field)
        }
        for wrong in ["", "sealed", "sealed...", "unsealed.a.b.c", "sealed.a.b", "sealed.a.b.c.d"] {
            #expect(throws: WireError.self) { try SealedText(wrong) }
        }
        #expect(throws: WireError.self) { try SealedText("sealed." + String(repeating: "a", count: 256 << 10)) }
        let payloads: [(String, JSONValue?, String)] = [
            ("version", "0.2.0", "sealed.version"), ("version", nil, "sealed.version"), ("type", "file", "sealed.type"),
            ("name", nil, "sealed.name"), ("provider", nil, "sealed.provider"),
            ("annotations", "x", "sealed.provider_settings"), ("type", "envelope", "sealed.key_id"),
        ]
        for (member, value, field) in payloads {
            var members = good.payload.objectValue ?? [:]
            members[member] = value
            let found = #expect(throws: WireError.self) { try SealedSecret(payload: .object(members)) }
            #expect(found?.field == field)
        }
        // Counter mode is named, and not opened.
        let counter = SealedEnvelope(keyID: "a/b", encryptedKey: "", encryptedData: "", wrapType: "A256CTR", iv: "")
        let refusal = #expect(throws: EnvelopeError.self) { try counter.open(with: SecretBytes(random: 32)) }
        #expect(refusal?.reason.contains("A256GCM") == true)
    }
}
