import Crypto
import CryptoExtras
import Envelope
import struct Envelope.SHA256Digest
import Foundation
import HTTPExchange
import ImageFormat
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Unsealing
import WireFormat

@testable import Registry

/// Against the registry that everybody runs, with images that skopeo wrote.
@Suite(
    "The distribution registry", .enabled(if: DistributionRegistry.isInstalled && areInstalled("skopeo")),
    .timeLimit(.minutes(3)))
struct RealRegistryTests {
    static func client(_ port: Int, credentials: RegistryCredentials = .anonymous) throws -> RegistryClient {
        let endpoint = try HTTPEndpoint(url: "http://127.0.0.1:\(port)", trust: .none)
        return RegistryClient(endpoint: endpoint, credentials: credentials) {
            HTTPExchanger(endpoint: $0, dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        }
    }

    static func fetch(_ client: RegistryClient, _ repository: String, _ descriptor: Descriptor) async throws -> [UInt8]
    {
        let collected = Mutex<[UInt8]>([])
        try await client.blob(repository, descriptor) { chunk in collected.withLock { $0 += chunk } }
        return collected.withLock { $0 }
    }

    @Test func `an image that skopeo pushed is fetched, and one that we pushed is fetched by skopeo`() async throws {
        let registry = try await DistributionRegistry()
        let image = try TinyImage(in: registry.folder)
        try run(
            "skopeo",
            ["copy", "--dest-tls-verify=false", "oci:\(image.folder):t", "docker://\(registry.name)/team/app:v1"])
        let client = try Self.client(registry.port)
        let resolved = try await client.image(try ImageReference("\(registry.name)/team/app:v1"))
        #expect(resolved.manifest.layers == image.manifest.layers)
        #expect(try await Self.fetch(client, "team/app", resolved.manifest.layers[0]) == image.layer)
        let config = try ImageConfig(parsing: try await client.blob("team/app", resolved.manifest.config))
        #expect(config.command == ["/hello"])

        let configBytes = try await client.blob("team/app", resolved.manifest.config)
        for blob in [image.layer, configBytes] { _ = try await client.push("other/app", blob: blob) }
        let digest = try await client.push(
            "other/app", manifest: resolved.bytes, mediaType: MediaType.ociManifest, tag: "v2")
        #expect(try await client.digest(of: try ImageReference("\(registry.name)/other/app:v2")) == digest)
        #expect(try await client.hasBlob("other/app", SHA256Digest(hashing: image.layer)))
        #expect(try await client.hasBlob("other/app", SHA256Digest(hashing: [1])) == false)
        try run(
            "skopeo",
            [
                "copy", "--src-tls-verify=false", "docker://\(registry.name)/other/app:v2",
                "oci:\(registry.folder)/back:t",
            ])
    }

    @Test(arguments: ["rsa", "p256"], [true, false])
    func `an image that skopeo encrypted is opened`(kind: String, compressed: Bool) async throws {
        let registry = try await DistributionRegistry()
        let image = try TinyImage(in: registry.folder, compressed: compressed)
        let key: OcicryptKey
        let pem: String
        if kind == "rsa" {
            let secret = try _RSA.Encryption.PrivateKey(keySize: .bits2048)
            key = .rsa(secret)
            pem = secret.publicKey.pemRepresentation
        } else {
            let secret = P256.KeyAgreement.PrivateKey()
            key = .p256(secret)
            pem = secret.publicKey.pemRepresentation
        }
        try Data(pem.utf8).write(to: URL(fileURLWithPath: "\(registry.folder)/pub.pem"))
        try run(
            "skopeo",
            [
                "copy", "--dest-tls-verify=false", "--encryption-key", "jwe:\(registry.folder)/pub.pem",
                "oci:\(image.folder):t",
                "docker://\(registry.name)/sealed:v1",
            ])
        let client = try Self.client(registry.port)
        let resolved = try await client.image(try ImageReference("\(registry.name)/sealed:v1"))
        let layer = try #require(resolved.manifest.layers.first)
        #expect(layer.layerForm?.isEncrypted == true)
        let sealed = try await Self.fetch(client, "sealed", layer)
        var opening = try OcicryptLayerOpening(layer: layer, options: try OcicryptOpening.unwrap(layer, with: key))
        opening.authenticate(sealed)
        var decryptor = try opening.authenticated()
        let plain = try decryptor.decrypt(sealed)
        try decryptor.finish()
        // skopeo compresses what is not, and encrypts after that.
        #expect(compressed ? plain == image.layer : plain.starts(with: [0x1F, 0x8B]))
    }

    @Test(arguments: ["rsa", "p256"])
    func `an image that we encrypted is opened by skopeo`(kind: String) async throws {
        let registry = try await DistributionRegistry()
        let image = try TinyImage(in: registry.folder)
        let secret =
            kind == "rsa"
            ? try {
                let key = try _RSA.Encryption.PrivateKey(keySize: .bits2048);
                return (key.pemRepresentation, key.publicKey.pemRepresentation)
            }()
            : {
                let key = P256.KeyAgreement.PrivateKey();
                return (key.pemRepresentation, key.publicKey.pemRepresentation)
            }()
        try Data(secret.0.utf8).write(to: URL(fileURLWithPath: "\(registry.folder)/key.pem"))
        var sealing = OcicryptSealing()
        let sealed = try sealing.seal(image.layer)
        var manifest = image.manifest
        manifest.layers = [
            try sealing.finish(
                plain: image.manifest.layers[0],
                recipients: [
                    .publicKey(pem: secret.1),
                    .broker(identifier: "kbs:///default/image-key/x", key: SecretBytes(random: 32)),
                ])
        ]
        let client = try Self.client(registry.port)
        let path = "\(image.folder)/blobs/sha256/\(manifest.config.digest.hex)"
        for blob in [sealed, [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))] {
            _ = try await client.push("ours", blob: blob)
        }
        _ = try await client.push("ours", manifest: manifest.bytes, mediaType: MediaType.ociManifest, tag: "v1")
        try run(
            "skopeo",
            [
                "copy", "--src-tls-verify=false", "--decryption-key", "\(registry.folder)/key.pem",
                "docker://\(registry.name)/ours:v1", "oci:\(registry.folder)/plain:t",
            ])
        let name = "\(registry.folder)/plain/blobs/sha256/\(image.manifest.layers[0].digest.hex)"
        #expect(FileManager.default.fileExists(atPath: name))
    }

    @Test func `signatures are pushed, added to, fetched and judged`() async throws {
        let registry = try await DistributionRegistry()
        let image = try TinyImage(in: registry.folder)
        try run(
            "skopeo", ["copy", "--dest-tls-verify=false", "oci:\(image.folder):t", "docker://\(registry.name)/app:v1"])
        let client = try Self.client(registry.port)
        let tagged = try ImageReference("\(registry.name)/app:v1")
        let digest = try await client.digest(of: tagged)
        let reference = tagged.pinned(to: digest)
        let keys = [P256.Signing.PrivateKey(), P256.Signing.PrivateKey()]
        for key in keys {
            let signature = try CosignSignature(signing: digest, of: reference, with: key)
            _ = try await client.push("app", signature: signature, of: digest)
        }
        for key in keys {
            let pem = key.publicKey.pemRepresentation
            let policy = try SignaturePolicy([
                "default": [["type": "sigstoreSigned", "keyData": .string(Base64.encode(Array(pem.utf8)))]]
            ])
            let signatures = try await client.signatures(
                of: reference, digests: [digest], needs: policy.needs(for: reference))
            #expect(signatures.cosign.count == 2)
            try policy.evaluate(reference, digests: [digest], signatures: signatures)
        }
        #expect(try await client.cosignSignatures("app", SHA256Digest(hashing: [1])).isEmpty)
    }

    @Test func `what is not there is not found`() async throws {
        let registry = try await DistributionRegistry()
        let client = try Self.client(registry.port)
        let reference = try ImageReference("\(registry.name)/nothing:v1")
        let error = await #expect(throws: RegistryError.self) { try await client.image(reference) }
        #expect(error?.kind == .notFound)
    }
}
