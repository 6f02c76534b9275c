import Envelope
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import ImageFormat

@Suite("OpenPGP simple signing")
struct SimpleSignatureTests {
    static let folder = "guest-components/image-rs/test_data/"

    @Test(.enabled(if: Vectors.available)) func `the upstream signature is by the upstream key`() throws {
        let scratch = try ScratchFolder()
        try run(
            "tar",
            ["-xf", GuestVectors.path(Self.folder + "simple-signing-scheme/signatures.tar"), "-C", scratch.path])
        let digest = "febcf61cd6e1ac9628f6ac14fa40836d16f3c6ddef3b303ff0321606e55ddd0b"
        let path = "\(scratch.path)/kata-containers/confidential-containers@sha256=\(digest)/signature-1"
        let signature = SimpleSignature(message: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
        let ring = try OpenPGPKeyRing(parsing: try GuestVectors.bytes(Self.folder + "simple-signing-scheme/pubkey.gpg"))
        let claim = try signature.claim(verifiedBy: ring)
        #expect(claim.manifestDigest.hex == digest)
        #expect(claim.identity.hasPrefix("quay.io/kata-containers/confidential-containers"))
        let others = try OpenPGPKeyRing(parsing: try GuestVectors.bytes(Self.folder + "signature/pubring.gpg"))
        #expect(throws: SignatureRefusal.self) { try signature.claim(verifiedBy: others) }
        for length in stride(from: 0, to: signature.message.count, by: 3) {
            let cut = SimpleSignature(message: Array(signature.message.prefix(length)))
            #expect(throws: SignatureRefusal.self) { try cut.claim(verifiedBy: ring) }
        }
        for index in stride(from: 0, to: signature.message.count, by: 5) {
            var bytes = signature.message
            bytes[index] ^= 0x10
            let result = try? SimpleSignature(message: bytes).claim(verifiedBy: ring)
            // A few bits mean nothing, such as the file date of the literal packet; none changes the claim.
            #expect(result == nil || result == claim)
        }
    }

    @Test(.enabled(if: Vectors.available), arguments: ["signature-1", "signature-2"])
    func `a SHA-1 signature is refused although its key is in the ring`(name: String) throws {
        let signature = SimpleSignature(message: try GuestVectors.bytes(Self.folder + "signature/signatures/\(name)"))
        let ring = try OpenPGPKeyRing(parsing: try GuestVectors.bytes(Self.folder + "signature/pubring.gpg"))
        let refusal = try #require(throws: SignatureRefusal.self) { try signature.claim(verifiedBy: ring) }
        #expect(refusal.reason.contains("SHA-1"))
    }

    @Test(.enabled(if: areInstalled("gpg")), arguments: ["rsa2048", "ed25519", "nistp256"], ["0", "6"])
    func `what gpg signs is verified`(algorithm: String, compression: String) throws {
        let home = try ScratchFolder()
        let base = ["--homedir", home.path, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        try run("gpg", base + ["--quick-generate-key", "t@example.org", algorithm, "sign", "never"])
        defer { _ = try? run("gpgconf", ["--homedir", home.path, "--kill", "gpg-agent"]) }
        let claim = SignedClaim(kind: .atomic, identity: "a.b/c:v1", manifestDigest: SHA256Digest(hashing: [7]))
        let message = try run("gpg", base + ["--compress-level", compression, "--sign"], input: claim.bytes)
        let ring = try OpenPGPKeyRing(parsing: try run("gpg", base + ["--armor", "--export"]))
        #expect(ring.count == 1)
        #expect(try SimpleSignature(message: message).claim(verifiedBy: ring) == claim)
        let detached = try run("gpg", base + ["--detach-sign"], input: claim.bytes)
        #expect(throws: SignatureRefusal.self) { try SimpleSignature(message: detached).claim(verifiedBy: ring) }
        let dated = try run("gpg", base + ["--default-sig-expire", "1d", "--sign"], input: claim.bytes)
        #expect(throws: SignatureRefusal.self) { try SimpleSignature(message: dated).claim(verifiedBy: ring) }
    }

    @Test(.enabled(if: areInstalled("python3"))) func `a deflate stream is decoded and its limit holds`() throws {
        let plain =
            [UInt8]((0..<3000).map { UInt8(truncatingIfNeeded: $0 % 251 ^ ($0 >> 5)) })
            + [UInt8](repeating: 65, count: 3000)
        let program =
            "import sys,zlib;c=zlib.compressobj(int(sys.argv[1]),8,-15,9,int(sys.argv[2]));"
            + "sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read())+c.flush())"
        for (level, strategy) in [("0", "0"), ("9", "0"), ("6", "4"), ("1", "0")] {
            let packed = try run("python3", ["-c", program, level, strategy], input: plain)
            #expect(try Inflate.decode(packed, limit: 6000) == plain)
            #expect(throws: WireError.self) { try Inflate.decode(packed, limit: 5999) }
            for length in stride(from: 0, to: packed.count - 1, by: 11) {
                #expect(throws: WireError.self) { try Inflate.decode(Array(packed.prefix(length)), limit: 6000) }
            }
        }
    }

    @Test func `bytes that are no key ring are refused`() {
        for bytes: [UInt8] in [
            [], [0], [0x99, 0xFF], Array("-----BEGIN PGP PUBLIC KEY BLOCK-----\n".utf8), Array("nonsense".utf8),
        ] {
            #expect(throws: WireError.self) { try OpenPGPKeyRing(parsing: bytes) }
        }
    }
}
