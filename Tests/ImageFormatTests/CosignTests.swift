import Crypto
import CryptoExtras
import Envelope
import struct Envelope.SHA256Digest
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import ImageFormat

@Suite("cosign signatures")
struct CosignTests {
    static let digest = SHA256Digest(hashing: [1, 2, 3])

    @Test(.enabled(if: Vectors.available), arguments: ["cosign1.pub", "cosign2.pub", "cosign3.pub", "nv.pub"])
    func `the upstream keys are read`(name: String) throws {
        _ = try CosignKey(pem: try GuestVectors.text("guest-components/image-rs/test_data/signature/cosign/\(name)"))
    }

    @Test func `a signature is verified and damage to any part is seen`() throws {
        let key = P256.Signing.PrivateKey()
        let reference = try ImageReference("127.0.0.1:5000/hello:v1")
        let signature = try CosignSignature(signing: Self.digest, of: reference, with: key)
        let verifier = try CosignKey(pem: key.publicKey.pemRepresentation)
        let claim = try signature.claim(verifiedBy: verifier)
        #expect(claim.identity == "127.0.0.1:5000/hello" && claim.manifestDigest == Self.digest)
        for index in signature.payload.indices {
            var payload = signature.payload
            payload[index] ^= 1
            let bad = CosignSignature(payload: payload, signature: signature.signature)
            #expect(throws: SignatureRefusal.self) { try bad.claim(verifiedBy: verifier) }
        }
        let other = try CosignKey(pem: P256.Signing.PrivateKey().publicKey.pemRepresentation)
        #expect(throws: SignatureRefusal.self) { try signature.claim(verifiedBy: other) }
        let manifest = CosignSignatureManifest(signatures: [signature])
        let layer = try #require(try ImageManifest(parsing: manifest.manifest.bytes).layers.first)
        #expect(try CosignSignature(layer: layer, payload: signature.payload) == signature)
        #expect(CosignSignature.tag(of: Self.digest) == "sha256-\(Self.digest.hex).sig")
    }

    @Test(.enabled(if: areInstalled("openssl")), arguments: ["rsa:2048", "ed25519"])
    func `what openssl signs with other kinds of key is verified`(kind: String) throws {
        let folder = try ScratchFolder()
        let payload = SignedClaim(kind: .cosign, identity: "a.b/c", manifestDigest: Self.digest).bytes
        let message = try folder.write("payload", payload)
        let key = "\(folder.path)/key.pem"
        if kind == "ed25519" {
            try run("openssl", ["genpkey", "-algorithm", "ed25519", "-out", key])
        } else {
            try run("openssl", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key])
        }
        let pem = String(decoding: try run("openssl", ["pkey", "-in", key, "-pubout"]), as: UTF8.self)
        let arguments =
            kind == "ed25519"
            ? ["pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message]
            : ["dgst", "-sha256", "-sign", key, message]
        let signature = CosignSignature(payload: payload, signature: try run("openssl", arguments))
        #expect(try signature.claim(verifiedBy: try CosignKey(pem: pem)).manifestDigest == Self.digest)
    }

    @Test func `a payload of another kind or with more claims is refused`() throws {
        let good = SignedClaim(kind: .cosign, identity: "a.b/c", manifestDigest: Self.digest)
        #expect(try SignedClaim(parsing: good.bytes) == good)
        for length in 0..<good.bytes.count {
            #expect(throws: WireError.self) { try SignedClaim(parsing: Array(good.bytes.prefix(length))) }
        }
        let text = String(decoding: good.bytes, as: UTF8.self)
        for (part, replacement) in [
            ("cosign container", "other container"), ("\"image\":{", "\"image\":{\"x\":1,"),
            ("\"critical\":{", "\"critical\":{\"x\":1,"),
            ("docker-reference", "docker-name"), ("\"optional\"", "\"further\""),
        ] {
            let bad = text.replacingOccurrences(of: part, with: replacement)
            #expect(throws: WireError.self, "\(part)") { try SignedClaim(parsing: Array(bad.utf8)) }
        }
        // An OpenPGP claim signed by a cosign key is not a cosign signature.
        let key = P256.Signing.PrivateKey()
        let atomic = SignedClaim(kind: .atomic, identity: "a.b/c", manifestDigest: Self.digest).bytes
        let der = [UInt8](try key.signature(for: SHA256.hash(data: atomic)).derRepresentation)
        #expect(throws: SignatureRefusal.self) {
            try CosignSignature(payload: atomic, signature: der).claim(verifiedBy: CosignKey.p256(key.publicKey))
        }
    }
}
