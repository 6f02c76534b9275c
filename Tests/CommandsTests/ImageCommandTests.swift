import Crypto
import Envelope
import Foundation
import ImageFormat
import TestSupport
import Testing
import Unsealing
import WireFormat

@testable import Commands

@Suite("Image commands", .timeLimit(.minutes(2)))
struct ImageCommandTests {
    /// Writes a one-layer image as an OCI layout and returns its name and its layer.
    static func plainImage(_ folder: ScratchFolder) throws -> (name: String, layer: [UInt8]) {
        let layout = ImageLayout(folder: "\(folder.path)/plain", tag: "t")
        let layer = [UInt8](repeating: 7, count: 5000)
        let digest = SHA256Digest(hashing: layer)
        let config: JSONValue = [
            "os": "linux", "architecture": "amd64", "config": ["Cmd": ["/hello"]],
            "rootfs": ["type": "layers", "diff_ids": [.string(digest.description)]],
        ]
        let configBytes = config.canonicalBytes
        try layout.put(blob: layer)
        try layout.put(blob: configBytes)
        _ = try layout.put(
            manifest: ImageManifest(
                config: Descriptor(
                    mediaType: MediaType.ociConfig, digest: SHA256Digest(hashing: configBytes),
                    size: Int64(configBytes.count)),
                layers: [
                    Descriptor(
                        mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digest, size: Int64(layer.count))
                ]))
        return ("oci:\(layout.folder):t", layer)
    }

    static func encrypt(_ arguments: [String]) async throws {
        try await ImageEncrypt.parse(arguments + ["--json"]).run()
    }

    static func open(_ store: ImageStore, _ key: OcicryptKey) async throws -> [UInt8] {
        let layer = try #require(try await store.manifest().layers.first)
        var opening = try OcicryptLayerOpening(layer: layer, options: try OcicryptOpening.unwrap(layer, with: key))
        let sealed = try await store.blob(layer)
        opening.authenticate(sealed)
        var decryptor = try opening.authenticated()
        return try decryptor.decrypt(sealed)
    }

    @Test func `an image is encrypted for the broker's key and for a key pair`() async throws {
        let folder = try ScratchFolder()
        let (plain, layer) = try Self.plainImage(folder)
        let pair = P256.KeyAgreement.PrivateKey()
        let recipient = try folder.write("pub.pem", Array(pair.publicKey.pemRepresentation.utf8))
        let keyFile = "\(folder.path)/kek"
        let target = "oci:\(folder.path)/sealed:v1"
        try await Self.encrypt([
            plain, target, "--key-id", "kbs:///default/image-key/x", "--key-file", keyFile, "--recipient", recipient,
        ])
        let mode = try FileManager.default.attributesOfItem(atPath: keyFile)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let key = SecretBytes([UInt8](try Data(contentsOf: URL(fileURLWithPath: keyFile))))
        let store = try ImageStore(target)
        let broker = OcicryptKey.keyEncryption(identifier: "kbs:///default/image-key/x", key: key)
        #expect(try await Self.open(store, broker) == layer)
        #expect(try await Self.open(store, .p256(pair)) == layer)
        await #expect(throws: CommandFailure.self) {
            try await Self.encrypt([target, "oci:\(folder.path)/twice:v1", "--recipient", recipient])
        }
        // The same file serves a second image.
        try await Self.encrypt([
            plain, "oci:\(folder.path)/other:v1", "--key-id", "default/image-key/x", "--key-file", keyFile,
        ])
        #expect(try await Self.open(try ImageStore("oci:\(folder.path)/other:v1"), broker) == layer)
    }

    @Test func `a key of the wrong length and a wrong address are refused`() async throws {
        let folder = try ScratchFolder()
        let (plain, _) = try Self.plainImage(folder)
        let short = try folder.write("short", [1, 2, 3])
        for (id, file) in [
            ("kbs:///default/image-key/x", short), ("kbs:///x", "\(folder.path)/new"), ("http://x/a/b", short),
        ] {
            await #expect(throws: CommandFailure.self) {
                try await Self.encrypt([plain, "oci:\(folder.path)/out:t", "--key-id", id, "--key-file", file])
            }
        }
        #expect(throws: (any Error).self) { try ImageEncrypt.parse([plain, plain]) }
        #expect(throws: CommandFailure.self) { try ImageStore("oci:nothing") }
        #expect(throws: CommandFailure.self) { try ImageStore("docker://UPPER CASE") }
    }

    @Test(.enabled(if: DistributionRegistry.isInstalled))
    func `an image is pushed encrypted, signed, inspected and judged by a policy`() async throws {
        let registry = try await DistributionRegistry()
        let folder = try ScratchFolder()
        let (plain, _) = try Self.plainImage(folder)
        let name = "\(registry.name)/team/app:v1"
        try await Self.encrypt([
            plain, "docker://\(name)", "--key-id", "default/image-key/app", "--key-file", "\(folder.path)/kek",
        ])
        let reference = try ImageReference(name)
        let client = try RegistryAccess.client(for: reference)
        let pinned = reference.pinned(to: try await client.digest(of: reference))
        let signer = P256.Signing.PrivateKey()
        let keyFile = try folder.write("cosign.key", Array(signer.pemRepresentation.utf8))
        func verdict(_ key: P256.Signing.PublicKey) async throws -> SignatureCheck.Verdict {
            let data = Base64.encode(Array(key.pemRepresentation.utf8))
            let policy = try SignaturePolicy(["default": [["type": "sigstoreSigned", "keyData": .string(data)]]])
            return try await SignatureCheck(policy: policy, client: client).verify(pinned)
        }
        #expect(try await verdict(signer.publicKey).isAccepted == false, "nothing is signed yet")
        try await ImageSign.parse(["docker://\(name)", "--key", keyFile, "--json"]).run()
        #expect(try await verdict(signer.publicKey).isAccepted)
        #expect(try await verdict(P256.Signing.PrivateKey().publicKey).isAccepted == false)
        let open = try await SignatureCheck(
            policy: try SignaturePolicy(["default": [["type": "insecureAcceptAnything"]]]), client: client
        ).verify(pinned)
        #expect(open.isAccepted && open.acceptsAnything)
        let publicFile = try folder.write("cosign.pub", Array(signer.publicKey.pemRepresentation.utf8))
        let report = try await ImageInspect.parse([name, "--key", publicFile]).report()
        #expect(report["layers"]?[0]?["encrypted"]?.boolValue == true)
        #expect(report["layers"]?[0]?["keys"] == ["kbs:///default/image-key/app"])
        #expect(report["signatures"]?[0]?["verified"]?.boolValue == true)
    }

    @Test func `the key provider wraps and unwraps, and reads both forms of bytes`() throws {
        let folder = try ScratchFolder()
        let kek = [UInt8](repeating: 5, count: 32)
        let file = try folder.write("kek", kek)
        let argument = Array("keyid=kbs:///default/key/1::keypath=\(file)::algorithm=A256GCM".utf8)
        let secret = Array("{\"symkey\":\"s\"}".utf8)
        func numbers(_ bytes: [UInt8]) -> JSONValue { .array(bytes.map { .integer(Int64($0)) }) }
        let forms: [([UInt8]) -> JSONValue] = [{ .string(Base64.encode($0)) }, numbers]
        for form in forms {
            let wrap: JSONValue = [
                "op": "keywrap",
                "keywrapparams": [
                    "ec": [
                        "Parameters": ["attestation-agent": [form(argument)]], "DecryptConfig": ["Parameters": [:]],
                    ],
                    "optsdata": form(secret),
                ],
                "keyunwrapparams": ["dc": nil, "annotation": nil],
            ]
            let answer = try JSONValue.parse(try KeyProvider(keyFile: nil).answer(wrap.canonicalBytes))
            let bytes = try #require(answer["keywrapresults"]?["annotation"]?.arrayValue).compactMap {
                $0.integerValue.flatMap { UInt8(exactly: $0) }
            }
            let packet = try KeyProviderPacket(parsing: bytes)
            #expect(packet.keyIdentifier == "kbs:///default/key/1")
            let unwrap: JSONValue = [
                "op": "keyunwrap", "keyunwrapparams": ["dc": ["Parameters": [:]], "annotation": form(bytes)],
            ]
            let opened = try JSONValue.parse(try KeyProvider(keyFile: file).answer(unwrap.canonicalBytes))
            #expect(opened["keyunwrapresults"]?["optsdata"] == numbers(secret))
            #expect(throws: CommandFailure.self) { try KeyProvider(keyFile: nil).answer(unwrap.canonicalBytes) }
        }
        for bad: JSONValue in [
            [:], ["op": "keysteal"], ["op": "keywrap"], ["op": "keyunwrap", "keyunwrapparams": [:]],
        ] {
            #expect(throws: (any Error).self) { try KeyProvider(keyFile: file).answer(bad.canonicalBytes) }
        }
    }
}
