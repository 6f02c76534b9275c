import Crypto
import CryptoExtras
import Envelope
import struct Envelope.SHA256Digest
import Foundation
import TestSupport
import Testing
import Unsealing
import WireFormat

@testable import ImageFormat

@Suite("ocicrypt layers")
struct OcicryptTests {
    static let gzip = "application/vnd.oci.image.layer.v1.tar+gzip"

    /// Opens a whole layer, in chunks that do not align with cipher blocks.
    static func open(_ sealed: [UInt8], _ layer: Descriptor, _ options: OcicryptPrivateOptions) throws -> [UInt8] {
        var opening = try OcicryptLayerOpening(layer: layer, options: options)
        var chunks: [[UInt8]] = []
        var start = 0
        while start < sealed.count {
            let end = min(start + 1 + start % 37, sealed.count)
            chunks.append(Array(sealed[start..<end]))
            start = end
        }
        for chunk in chunks { opening.authenticate(chunk) }
        var decryptor = try opening.authenticated()
        var plain: [UInt8] = []
        for chunk in chunks { plain += try decryptor.decrypt(chunk) }
        try decryptor.finish()
        return plain
    }

    static func seal(_ plain: [UInt8], _ recipients: [OcicryptRecipient]) throws -> ([UInt8], Descriptor) {
        var sealing = OcicryptSealing()
        var sealed = try sealing.seal(plain.prefix(5))
        sealed += try sealing.seal(plain.dropFirst(5))
        let descriptor = Descriptor(
            mediaType: Self.gzip, digest: SHA256Digest(hashing: plain), size: Int64(plain.count))
        return (sealed, try sealing.finish(plain: descriptor, recipients: recipients))
    }

    @Test(.enabled(if: Vectors.available)) func `the sample packet of the attestation agent opens`() throws {
        let known = try GuestVectors.json("derived/annotation-packet-unwrapped.json")
        let packet = try KeyProviderPacket(
            parsing: try GuestVectors.bytes("guest-components/ocicrypt-rs/data/sample_kbc_annotation.json"))
        #expect(packet.keyIdentifier == "kbs:///default/key/1")
        let key = SecretBytes(try Base64.decode(known["kek_b64"]?.stringValue ?? "", field: "kek"))
        let plain = try OcicryptOpening.open(packet, with: key)
        #expect(String(decoding: plain, as: UTF8.self) == known["private_opts_plaintext"]?.stringValue)
        #expect(throws: OcicryptError.self) { try OcicryptOpening.open(packet, with: SecretBytes(random: 32)) }
        #expect(throws: OcicryptError.self) { try OcicryptOpening.open(packet, with: SecretBytes([1])) }
    }

    @Test(.enabled(if: Vectors.available)) func `the synthetic layer opens with its key`() throws {
        let known = try GuestVectors.json("derived/encrypted-layer-synthetic.json")
        let layer = try Descriptor(known["descriptor"] ?? .null, path: "layer")
        let key = SecretBytes(try Base64.decode(known["kek_b64"]?.stringValue ?? "", field: "kek"))
        let sealed = try Base64.decode(known["encrypted_layer_b64"]?.stringValue ?? "", field: "layer")
        #expect(try OcicryptOpening.keyIdentifiers(of: layer) == ["kbs:///default/key/vector-1"])
        let options = try OcicryptOpening.unwrap(
            layer, with: .keyEncryption(identifier: "kbs:///default/key/vector-1", key: key))
        let plain = try Self.open(sealed, layer, options)
        #expect(Base64.encode(plain) == known["plain_layer_b64"]?.stringValue)
        // The key alone is not enough: the packet must name it.
        #expect(throws: OcicryptError.self) {
            try OcicryptOpening.unwrap(layer, with: .keyEncryption(identifier: "kbs:///default/key/other", key: key))
        }
    }

    @Test(.enabled(if: Vectors.available)) func `a layer that skopeo encrypted for an RSA key opens`() throws {
        let blobs = "derived/oci-jwe/encrypted/blobs/sha256/"
        let manifest = try ImageManifest(
            parsing: try GuestVectors.bytes(blobs + "53ad99585b585c1b08d3ffb97a70b40f21dcae63a488dddf964cb4934d28dbb2"))
        let key = try OcicryptKey(pem: try GuestVectors.text("guest-components/ocicrypt-rs/data/private_key.pem"))
        let layer = try #require(manifest.layers.first)
        let options = try OcicryptOpening.unwrap(layer, with: key)
        let plain = try Self.open(try GuestVectors.bytes(blobs + layer.digest.hex), layer, options)
        #expect(
            plain == (try GuestVectors.bytes("derived/oci-jwe/plain/blobs/sha256/\(SHA256Digest(hashing: plain).hex)")))
        let other = OcicryptKey.rsa(try _RSA.Encryption.PrivateKey(keySize: .bits2048))
        #expect(throws: OcicryptError.self) { try OcicryptOpening.unwrap(layer, with: other) }
    }

    @Test func `what is sealed opens for each of its recipients and for nobody else`() throws {
        let broker = SecretBytes(random: 32)
        let curve = P256.KeyAgreement.PrivateKey()
        let rsa = try _RSA.Encryption.PrivateKey(keySize: .bits2048)
        let plain = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let (sealed, layer) = try Self.seal(
            plain,
            [
                .broker(identifier: "kbs:///default/image-key/x", key: broker),
                .publicKey(pem: curve.publicKey.pemRepresentation),
                .publicKey(pem: rsa.publicKey.pemRepresentation),
            ])
        #expect(layer.mediaType == Self.gzip + "+encrypted" && sealed != plain)
        let keys: [OcicryptKey] = [
            .keyEncryption(identifier: "kbs:///default/image-key/x", key: broker), .p256(curve), .rsa(rsa),
        ]
        for key in keys {
            #expect(try Self.open(sealed, layer, try OcicryptOpening.unwrap(layer, with: key)) == plain)
        }
        #expect(throws: OcicryptError.self) {
            try OcicryptOpening.unwrap(layer, with: .p256(P256.KeyAgreement.PrivateKey()))
        }
        let (again, _) = try Self.seal(plain, [.broker(identifier: "k", key: broker)])
        #expect(again != sealed, "each sealing has its own key")
    }

    @Test func `no byte of a damaged ciphertext is decrypted`() throws {
        let key = SecretBytes(random: 32)
        let plain = [UInt8](repeating: 9, count: 64)
        let (sealed, layer) = try Self.seal(plain, [.broker(identifier: "k", key: key)])
        let options = try OcicryptOpening.unwrap(layer, with: .keyEncryption(identifier: "k", key: key))
        for index in sealed.indices {
            var bad = sealed
            bad[index] ^= 0x80
            #expect(throws: OcicryptError.self) { try Self.open(bad, layer, options) }
            // A host that also states the digest of the damaged blob still lacks the key of the HMAC.
            var forged = layer
            forged.digest = SHA256Digest(hashing: bad)
            #expect(throws: OcicryptError.self) { try Self.open(bad, forged, options) }
        }
        #expect(throws: OcicryptError.self) { try Self.open(Array(sealed.dropLast()), layer, options) }
        var opening = try OcicryptLayerOpening(layer: layer, options: options)
        opening.authenticate(sealed)
        var decryptor = try opening.authenticated()
        _ = try decryptor.decrypt(Array(sealed.dropLast()))
        #expect(throws: OcicryptError.self) { try decryptor.finish() }
    }

    @Test func `a sealing is bound to the descriptor of its layer`() throws {
        var sealing = OcicryptSealing()
        _ = try sealing.seal([1, 2, 3])
        let wrong = Descriptor(mediaType: Self.gzip, digest: SHA256Digest(hashing: [1, 2]), size: 3)
        #expect(throws: OcicryptError.self) {
            try sealing.finish(plain: wrong, recipients: [.broker(identifier: "k", key: SecretBytes(random: 32))])
        }
        #expect(throws: (any Error).self) { try Self.seal([1], []) }
        #expect(throws: (any Error).self) {
            try Self.seal([1], [.broker(identifier: "k", key: SecretBytes(random: 16))])
        }
        #expect(throws: (any Error).self) { try Self.seal([1], [.publicKey(pem: "no key")]) }
    }

    @Test(arguments: [
        ("wrap_type", "A256CTR"), ("wrap_type", "A256KW"), ("iv", "AAAA"), ("wrapped_data", "AAAA"),
        ("wrapped_data", "*"),
        ("version", "0.2.0"), ("surprise", "x"), ("kid", nil as String?),
    ])
    func `a mutated packet is refused`(field: String, value: String?) throws {
        let packet = KeyProviderPacket(
            keyIdentifier: "kbs:///a/b/c", wrappedData: [UInt8](repeating: 1, count: 40),
            initialisationVector: [UInt8](repeating: 2, count: 12))
        #expect(try KeyProviderPacket(parsing: packet.bytes) == packet)
        var object = try #require(JSONValue.parse(packet.bytes).objectValue)
        object[field] = value.map { .string($0) }
        #expect(throws: WireError.self) { try KeyProviderPacket(parsing: JSONValue.object(object).canonicalBytes) }
        for length in 0..<packet.bytes.count {
            #expect(throws: WireError.self) { try KeyProviderPacket(parsing: Array(packet.bytes.prefix(length))) }
        }
    }

    @Test func `a version 2 packet for the broker is read and one for another provider is not`() throws {
        let base = KeyProviderPacket(
            keyIdentifier: "k", wrappedData: [UInt8](repeating: 1, count: 40),
            initialisationVector: [UInt8](repeating: 2, count: 12))
        var object = try #require(JSONValue.parse(base.bytes).objectValue)
        object["version"] = "0.1.0"
        object["provider"] = "kbs"
        object["provider_settings"] = [:]
        object["annotations"] = [:]
        #expect(try KeyProviderPacket(parsing: JSONValue.object(object).canonicalBytes) == base)
        object["provider"] = "aliyun"
        #expect(throws: WireError.self) { try KeyProviderPacket(parsing: JSONValue.object(object).canonicalBytes) }
    }

    @Test func `the counter carries over all of its bytes`() throws {
        let key = SymmetricKey(size: .bits256)
        let nonce = [UInt8](repeating: 0xFF, count: 16)
        var whole = CounterModeStream(key: key, nonce: nonce)
        var parts = CounterModeStream(key: key, nonce: nonce)
        let plain = [UInt8](repeating: 0, count: 100)
        let expected = try whole.apply(plain)
        var got: [UInt8] = []
        for size in [1, 15, 16, 17, 31, 20] { got += try parts.apply([UInt8](repeating: 0, count: size)) }
        #expect(got == expected)
    }
}
