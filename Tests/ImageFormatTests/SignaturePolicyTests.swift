import Crypto
import Envelope
import struct Envelope.SHA256Digest
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import ImageFormat

@Suite("Signature policies")
struct SignaturePolicyTests {
    static let digest = SHA256Digest(hashing: [1])
    static let key = P256.Signing.PrivateKey()
    static let keyData = Base64.encode(Array(key.publicKey.pemRepresentation.utf8))

    static func policy(_ scopes: JSONValue) throws -> SignaturePolicy {
        try SignaturePolicy(["default": [["type": "reject"]], "transports": ["docker": scopes]])
    }

    static func signed(identity: JSONValue? = nil) -> JSONValue {
        var requirement: [String: JSONValue] = ["type": "sigstoreSigned", "keyData": .string(keyData)]
        requirement["signedIdentity"] = identity
        return .object(requirement)
    }

    @Test func `no policy rejects every image`() throws {
        let policy = try SignaturePolicy(optional: nil)
        #expect(throws: SignatureRefusal.self) {
            try policy.evaluate(try ImageReference("a"), digests: [Self.digest], signatures: .init())
        }
        #expect(!policy.acceptsAnything(for: try ImageReference("a")))
    }

    @Test func `a signed image passes and what it needs is known beforehand`() throws {
        let policy = try Self.policy(["reg.example/team": [Self.signed()]])
        let image = try ImageReference("reg.example/team/app").pinned(to: Self.digest)
        let signature = try CosignSignature(signing: Self.digest, of: image, with: Self.key)
        #expect(policy.needs(for: image) == .init(cosign: true, simple: false))
        try policy.evaluate(image, digests: [Self.digest], signatures: .init(cosign: [signature]))
        let other = SHA256Digest(hashing: [2])
        for (digests, found, asked) in [
            ([Self.digest], [], image),
            ([other], [signature], try ImageReference("reg.example/team/app").pinned(to: other)),
            ([Self.digest], [signature], try ImageReference("reg.example/team/other").pinned(to: Self.digest)),
            ([other], [signature], image),
            ([Self.digest], [signature], try ImageReference("elsewhere.example/app").pinned(to: Self.digest)),
        ] {
            #expect(throws: SignatureRefusal.self) {
                try policy.evaluate(asked, digests: digests, signatures: .init(cosign: found))
            }
        }
    }

    @Test func `the narrowest scope decides`() throws {
        let policy = try Self.policy([
            "reg.example": [["type": "insecureAcceptAnything"]], "reg.example/team": [["type": "reject"]],
            "reg.example/team/app:v1": [["type": "insecureAcceptAnything"]],
            "*.wild.example": [["type": "insecureAcceptAnything"]],
        ])
        for (name, passes) in [
            ("reg.example/other", true), ("reg.example/team/app", false), ("reg.example/team/app:v1", true),
            ("reg.example/teamwork", true), ("a.wild.example/x", true), ("b.a.wild.example/x", true),
            ("wild.example/x", false),
        ] {
            let image = try ImageReference(name)
            #expect(policy.acceptsAnything(for: image) == passes, "\(name)")
            let outcome = (try? policy.evaluate(image, digests: [Self.digest], signatures: .init())) != nil
            #expect(outcome == passes, "\(name)")
        }
    }

    @Test(arguments: [
        ("matchExact", "r.io/a:1", "r.io/a:1", true), ("matchExact", "r.io/a", "r.io/a:1", false),
        ("matchExact", "r.io/a:1", "r.io/a@D", false), ("matchRepoDigestOrExact", "r.io/a:1", "r.io/a@D", true),
        ("matchRepoDigestOrExact", "r.io/a:2", "r.io/a:1", false), ("matchRepository", "r.io/a:2", "r.io/a:1", true),
        ("matchRepository", "r.io/b:1", "r.io/a:1", false),
    ])
    func `signed names are matched`(kind: String, signed: String, asked: String, passes: Bool) throws {
        let identity = try SignedIdentity(["type": .string(kind)], path: "i")
        let image = try ImageReference(asked.replacingOccurrences(of: "D", with: Self.digest.description))
        #expect(identity.accepts(signed: signed, for: image) == passes)
    }

    @Test func `exact and remapped names are matched`() throws {
        let image = try ImageReference("mirror.io/x/a").pinned(to: Self.digest)
        let reference = try SignedIdentity(["type": "exactReference", "dockerReference": "r.io/a:1"], path: "i")
        #expect(reference.accepts(signed: "r.io/a:1", for: image) && !reference.accepts(signed: "r.io/a:2", for: image))
        let repository = try SignedIdentity(["type": "exactRepository", "dockerRepository": "r.io/a"], path: "i")
        #expect(repository.accepts(signed: "r.io/a:9", for: image) && !repository.accepts(signed: "r.io/b", for: image))
        let remap = try SignedIdentity(
            ["type": "remapIdentity", "prefix": "mirror.io/x", "signedPrefix": "r.io"], path: "i")
        #expect(remap.accepts(signed: "r.io/a:3", for: image) && !remap.accepts(signed: "mirror.io/x/a:3", for: image))
    }

    static let faulty: [JSONValue] = [
        .array([]), .string("reject"), .array([.string("reject")]), one(["type": "other"]),
        one(["type": "reject", "x": "1"]),
        one(["type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"]),
        one(["type": "signedBy", "keyType": "X509", "keyData": "AAAA"]),
        one(["type": "signedBy", "keyType": "GPGKeys", "keyData": "bm9uc2Vuc2U="]),
        one(["type": "sigstoreSigned", "keyData": "bm9uc2Vuc2U="]),
        one(["type": "sigstoreSigned"]), .array([signed(identity: .object(["type": .string("matchNothing")]))]),
        .array([signed(identity: .object(["type": .string("exactReference"), "dockerReference": .string("a.b/c")]))]),
    ]

    static func one(_ fields: [String: String]) -> JSONValue { .array([.object(fields.mapValues { .string($0) })]) }

    @Test(arguments: Self.faulty)
    func `a requirement that is not understood refuses the policy`(list: JSONValue) {
        #expect(throws: WireError.self) { try SignaturePolicy(["default": list]) }
        #expect(throws: WireError.self) { try Self.policy(["": list]) }
    }

    @Test(.enabled(if: Vectors.available)) func `the upstream policy is read once its key files are inline`() throws {
        let folder = "guest-components/image-rs/test_data/"
        let document = try GuestVectors.json(folder + "simple-signing-scheme/security_policy.json")
        #expect(throws: WireError.self) { try SignaturePolicy(document) }
        let inline = try SignaturePolicy.inliningKeys(in: document) { path in
            try GuestVectors.bytes(
                folder + (path.hasSuffix(".gpg") ? "simple-signing-scheme/pubkey.gpg" : "signature/cosign/cosign1.pub"))
        }
        let policy = try SignaturePolicy(inline)
        let base = "quay.io/kata-containers/confidential-containers"
        #expect(policy.needs(for: try ImageReference(base)) == .init(cosign: false, simple: true))
        #expect(policy.needs(for: try ImageReference(base + ":cosign-signed")) == .init(cosign: true, simple: false))
        #expect(policy.acceptsAnything(for: try ImageReference("quay.io/other")))
        #expect(throws: WireError.self) { try SignaturePolicy(try GuestVectors.json(folder + "signature/policy.json")) }
    }
}
