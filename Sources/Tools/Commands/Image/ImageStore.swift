import Envelope
import Foundation
import ImageFormat
import Registry
import Synchronization
import WireFormat

/// Where an image lies: in a registry (`docker://host/repo:tag`) or in an OCI layout on disk (`oci:folder:tag`).
enum ImageStore: Sendable, CustomStringConvertible {
    case registry(RegistryClient, ImageReference)
    case layout(ImageLayout)

    init(_ text: String) throws {
        if text.hasPrefix("oci:") {
            let rest = text.dropFirst(4)
            guard let colon = rest.lastIndex(of: ":"), colon != rest.startIndex else {
                throw CommandFailure("\(text) names no tag", hint: "write oci:FOLDER:TAG")
            }
            self = .layout(ImageLayout(folder: String(rest[..<colon]), tag: String(rest[rest.index(after: colon)...])))
            return
        }
        let reference = try Self.reference(text)
        self = .registry(try RegistryAccess.client(for: reference), reference)
    }

    /// A reference with or without `docker://`.
    static func reference(_ text: String) throws -> ImageReference {
        do {
            return try ImageReference(text.hasPrefix("docker://") ? String(text.dropFirst(9)) : text)
        } catch {
            throw CommandFailure(
                "\(text) is not an image: \(error)", hint: "write docker://HOST/REPOSITORY:TAG or oci:FOLDER:TAG")
        }
    }

    var description: String {
        switch self {
        case .registry(_, let reference): "docker://\(reference)"
        case .layout(let layout): "oci:\(layout.folder):\(layout.tag)"
        }
    }

    /// The manifest for the guest's platform.
    func manifest() async throws -> ImageManifest {
        switch self {
        case .registry(let client, let reference): return try await client.image(reference).manifest
        case .layout(let layout): return try layout.manifest()
        }
    }

    /// A whole blob; its digest was checked.
    func blob(_ descriptor: Descriptor) async throws -> [UInt8] {
        switch self {
        case .registry(let client, let reference):
            let collected = Mutex<[UInt8]>([])
            try await client.blob(reference.repository, descriptor) { chunk in collected.withLock { $0 += chunk } }
            return collected.withLock { $0 }
        case .layout(let layout): return try layout.blob(descriptor)
        }
    }

    func put(blob bytes: [UInt8]) async throws {
        switch self {
        case .registry(let client, let reference): _ = try await client.push(reference.repository, blob: bytes)
        case .layout(let layout): try layout.put(blob: bytes)
        }
    }

    /// Writes the manifest under the store's tag and returns its digest.
    func put(manifest: ImageManifest) async throws -> SHA256Digest {
        switch self {
        case .registry(let client, let reference):
            guard reference.digest == nil else {
                throw CommandFailure("\(reference) is a digest; its content cannot be chosen", hint: "write to a tag")
            }
            return try await client.push(
                reference.repository, manifest: manifest.bytes, mediaType: manifest.mediaType, tag: reference.selector)
        case .layout(let layout): return try layout.put(manifest: manifest)
        }
    }
}

/// An OCI image layout on disk.
struct ImageLayout: Sendable {
    let folder: String
    let tag: String

    private static let tagAnnotation = "org.opencontainers.image.ref.name"

    private func path(_ digest: SHA256Digest) -> String { "\(folder)/blobs/sha256/\(digest.hex)" }

    func blob(_ descriptor: Descriptor) throws -> [UInt8] {
        let bytes = try StateFolder.read(path(descriptor.digest), hint: "is \(folder) a whole OCI layout?")
        guard bytes.count == descriptor.size, SHA256Digest(hashing: bytes) == descriptor.digest else {
            throw CommandFailure(
                "the blob \(descriptor.digest) in \(folder) is damaged", hint: "write the layout again")
        }
        return bytes
    }

    private func index() throws -> [Descriptor] {
        try ImageIndex(parsing: try StateFolder.read("\(folder)/index.json", hint: "is \(folder) an OCI layout?"))
            .manifests
    }

    func manifest() throws -> ImageManifest {
        guard var entry = try index().first(where: { $0.annotations[Self.tagAnnotation] == tag }) else {
            throw CommandFailure("\(folder) has no tag \(tag)", hint: "look at \(folder)/index.json")
        }
        if MediaType.isIndex(entry.mediaType) { entry = try ImageIndex(parsing: try blob(entry)).manifest() }
        return try ImageManifest(parsing: try blob(entry))
    }

    func put(blob bytes: [UInt8]) throws {
        try FileManager.default.createDirectory(atPath: "\(folder)/blobs/sha256", withIntermediateDirectories: true)
        try StateFolder.write(bytes, to: path(SHA256Digest(hashing: bytes)))
    }

    func put(manifest: ImageManifest) throws -> SHA256Digest {
        let bytes = manifest.bytes
        try put(blob: bytes)
        var entries = FileManager.default.fileExists(atPath: "\(folder)/index.json") ? try index() : []
        entries.removeAll { $0.annotations[Self.tagAnnotation] == tag }
        let digest = SHA256Digest(hashing: bytes)
        entries.append(
            Descriptor(
                mediaType: manifest.mediaType, digest: digest, size: Int64(bytes.count),
                annotations: [Self.tagAnnotation: tag]))
        try StateFolder.write("{\"imageLayoutVersion\":\"1.0.0\"}", to: "\(folder)/oci-layout")
        let index: JSONValue = ["schemaVersion": 2, "manifests": .array(entries.map(\.json))]
        try StateFolder.write(index.canonicalBytes, to: "\(folder)/index.json")
        return digest
    }
}
