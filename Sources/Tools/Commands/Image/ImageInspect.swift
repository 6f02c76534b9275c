import ArgumentParser
import Envelope
import ImageFormat
import Registry
import WireFormat

/// `testudo image inspect`: layers, encryption and signatures of an image, without downloading its layers.
struct ImageInspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show an image's layers, who can decrypt them, and its signatures.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The image: HOST/REPOSITORY:TAG or @DIGEST.") var image: String
    @Option(help: "A public key in PEM; says of each cosign signature whether it is by this key.") var key: String?

    func run() async throws {
        let value = try await report()
        common.show(value, text: Self.text(value))
    }

    /// What there is to know of the image, as JSON.
    func report() async throws -> JSONValue {
        let reference = try ImageStore.reference(image)
        let client = try RegistryAccess.client(for: reference)
        let resolved = try await client.image(reference)
        let configBytes = try await client.blob(
            reference.repository, resolved.manifest.config, limit: ImageConfig.maximumBytes)
        let config = try ImageConfig(parsing: configBytes)
        let verifier = try key.map { try CosignKey(pem: try StateFolder.text($0, hint: "name a PEM file that exists")) }
        var signatures: [JSONValue] = []
        for digest in resolved.signableDigests {
            for signature in try await client.cosignSignatures(reference.repository, digest) {
                signatures.append(Self.describe(signature, verifier))
            }
        }
        let layers = try resolved.manifest.layers.map { try Self.describe($0) }
        return [
            "image": .string(reference.pinned(to: resolved.digest).description),
            "digest": .string(resolved.digest.description),
            "index": resolved.indexDigest.map { .string($0.description) } ?? .null,
            "platform": .string("\(config.platform.operatingSystem)/\(config.platform.architecture)"),
            "entrypoint": .array(config.entrypoint.map { .string($0) }),
            "command": .array(config.command.map { .string($0) }),
            "user": .string(config.user), "layers": .array(layers), "signatures": .array(signatures),
        ]
    }

    private static func describe(_ layer: Descriptor) throws -> JSONValue {
        var keys: [JSONValue] = []
        for wrapped in try Ocicrypt.wrappedKeys(of: layer) {
            switch wrapped {
            case .jwe: keys.append("a key pair (JWE)")
            case .provider(let packet): keys.append(.string(packet.keyIdentifier))
            }
        }
        return [
            "digest": .string(layer.digest.description), "mediaType": .string(layer.mediaType),
            "size": .integer(layer.size),
            "encrypted": .bool(layer.layerForm?.isEncrypted ?? false), "keys": .array(keys),
        ]
    }

    private static func describe(_ signature: CosignSignature, _ verifier: CosignKey?) -> JSONValue {
        let claim = try? SignedClaim(parsing: signature.payload)
        let isByKey = verifier.map { key in (try? signature.claim(verifiedBy: key)) != nil }
        return [
            "kind": "cosign", "identity": .string(claim?.identity ?? "malformed"),
            "manifest": claim.map { .string($0.manifestDigest.description) } ?? .null,
            "verified": isByKey.map { .bool($0) } ?? .null,
        ]
    }

    private static func text(_ value: JSONValue) -> String {
        var lines = [value["image"]?.stringValue ?? ""]
        lines.append("  platform \(value["platform"]?.stringValue ?? "")")
        for (number, layer) in (value["layers"]?.arrayValue ?? []).enumerated() {
            let keys = (layer["keys"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ", ")
            let sealed = layer["encrypted"]?.boolValue == true ? "encrypted for \(keys)" : "plain"
            lines.append(
                "  layer \(number + 1)  \(layer["digest"]?.stringValue ?? "")  \(layer["size"]?.integerValue ?? 0) bytes  \(sealed)"
            )
        }
        let signatures = value["signatures"]?.arrayValue ?? []
        for signature in signatures {
            let verified =
                signature["verified"]?.boolValue.map { $0 ? ", by the given key" : ", NOT by the given key" }
                ?? ", not checked (give --key)"
            lines.append("  cosign signature for \(signature["identity"]?.stringValue ?? "")\(verified)")
        }
        if signatures.isEmpty { lines.append("  no cosign signature") }
        return lines.joined(separator: "\n")
    }
}
