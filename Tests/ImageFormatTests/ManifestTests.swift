import Testing
import WireFormat

@testable import ImageFormat

@Suite("Manifests, indexes and configurations")
struct ManifestTests {
    static let digest = "sha256:" + String(repeating: "0a", count: 32)
    static let descriptor: JSONValue = [
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": .string(digest), "size": 12,
    ]
    static let manifest: JSONValue = [
        "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest),
        "config": ["mediaType": .string(MediaType.ociConfig), "digest": .string(digest), "size": 3],
        "layers": [descriptor],
    ]

    static func change(_ value: JSONValue, _ key: String, _ new: JSONValue?) -> [UInt8] {
        var object = value.objectValue ?? [:]
        object[key] = new
        return JSONValue.object(object).canonicalBytes
    }

    @Test func `a manifest is read and written back`() throws {
        let parsed = try ImageManifest(parsing: Self.manifest.canonicalBytes)
        #expect(parsed.layers.count == 1)
        #expect(parsed.layers[0].layerForm?.compression == .gzip)
        #expect(parsed.bytes == Self.manifest.canonicalBytes)
    }

    @Test func `every prefix of a manifest is refused`() {
        let bytes = Self.manifest.canonicalBytes
        for length in 0..<bytes.count {
            #expect(throws: WireError.self) { try ImageManifest(parsing: Array(bytes.prefix(length))) }
        }
    }

    static let mutations: [(String, JSONValue?)] = [
        ("schemaVersion", .integer(1)), ("mediaType", .string(MediaType.ociIndex)), ("config", nil), ("layers", nil),
        ("layers", .array([.string("x")])), ("manifests", .array([])), ("annotations", .object(["a": .integer(1)])),
        ("config", Self.config("sha256:00", 1)), ("config", Self.config(Self.digest, -1)),
        ("config", Self.config(Self.digest, 17 << 30)),
    ]

    static func config(_ digest: String, _ size: Int64) -> JSONValue {
        .object(["mediaType": .string("x"), "digest": .string(digest), "size": .integer(size)])
    }

    @Test(arguments: Self.mutations)
    func `a mutated manifest is refused`(key: String, value: JSONValue?) {
        #expect(throws: WireError.self) { try ImageManifest(parsing: Self.change(Self.manifest, key, value)) }
    }

    @Test func `an index yields the manifest for the guest`() throws {
        func entry(_ architecture: String, _ size: Int64) -> JSONValue {
            [
                "mediaType": .string(MediaType.ociManifest), "digest": .string(Self.digest), "size": .integer(size),
                "platform": ["os": "linux", "architecture": .string(architecture)],
            ]
        }
        let index: JSONValue = ["schemaVersion": 2, "manifests": [entry("arm64", 1), entry("amd64", 2)]]
        #expect(try ImageIndex(parsing: index.canonicalBytes).manifest().size == 2)
        let other: JSONValue = ["schemaVersion": 2, "manifests": [entry("arm64", 1)]]
        #expect(throws: WireError.self) { try ImageIndex(parsing: other.canonicalBytes).manifest() }
        #expect(throws: WireError.self) { try ImageIndex(parsing: Self.change(index, "layers", [])) }
    }

    @Test func `a configuration is read and checked against the manifest`() throws {
        let config: JSONValue = [
            "os": "linux", "architecture": "amd64", "config": ["Env": ["A=b"], "Cmd": ["/hello"], "Entrypoint": nil],
            "rootfs": ["type": "layers", "diff_ids": [.string(Self.digest)]],
        ]
        let parsed = try ImageConfig(parsing: config.canonicalBytes)
        #expect(parsed.command == ["/hello"])
        try parsed.check(layers: 1)
        #expect(throws: WireError.self) { try parsed.check(layers: 2) }
        for bad: JSONValue in [["Env": ["=x"]], ["Env": ["nothing"]], ["Cmd": ["a\u{0}b"]], ["User": 1]] {
            #expect(throws: WireError.self) { try ImageConfig(parsing: Self.change(config, "config", bad)) }
        }
        let arm = try ImageConfig(parsing: Self.change(config, "architecture", "arm64"))
        #expect(throws: WireError.self) { try arm.check(layers: 1) }
    }

    @Test func `layer media types are told apart`() {
        #expect(LayerForm(mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip")?.compression == .gzip)
        let sealed = LayerForm(mediaType: "application/vnd.oci.image.layer.v1.tar+zstd+encrypted")
        #expect(sealed?.compression == .zstd && sealed?.isEncrypted == true)
        #expect(LayerForm(mediaType: "application/vnd.oci.image.config.v1+json") == nil)
        #expect(LayerForm(mediaType: "application/vnd.oci.image.layer.v1.tar+lz4") == nil)
    }
}
