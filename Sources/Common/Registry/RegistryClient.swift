import Envelope
import HTTPExchange
import ImageFormat
import NIOCore
import WireFormat

/// A client of one OCI registry.
///
/// Everything it returns was checked against a digest: the caller's, or the one that a manifest states. Redirects are
/// followed within the registry's own origin only, and tokens are fetched only from there or from hosts that the
/// caller listed, so that a registry cannot send its client (or the client's password) elsewhere.
public struct RegistryClient: Sendable {
    let endpoint: HTTPEndpoint
    let session: RegistrySession

    /// The most redirects followed for one request.
    static let maximumRedirects = 3

    /// Creates a client.
    ///
    /// - Parameters:
    ///   - endpoint: The registry.
    ///   - credentials: The client's identity.
    ///   - tokenServices: Other servers that may issue the registry's tokens.
    ///   - exchanger: Makes the connection to a server. Called once for each server.
    public init(
        endpoint: HTTPEndpoint, credentials: RegistryCredentials = .anonymous, tokenServices: [HTTPEndpoint] = [],
        exchanger: @escaping @Sendable (HTTPEndpoint) -> HTTPExchanger
    ) {
        self.endpoint = endpoint
        self.session = RegistrySession(
            endpoint: endpoint, credentials: credentials, tokenServices: tokenServices, exchanger: exchanger)
    }

    /// A manifest or an index as the registry sent it.
    public struct Document: Sendable {
        /// The exact bytes.
        public let bytes: [UInt8]
        /// The media type; if the document states one, it is the same.
        public let mediaType: String
        /// The SHA-256 of the bytes.
        public let digest: SHA256Digest
    }

    /// Fetches a manifest or an index.
    ///
    /// - Parameters:
    ///   - repository: The repository's path.
    ///   - selector: A tag or a digest. The bytes are checked against a digest.
    public func document(_ repository: String, _ selector: String) async throws -> Document {
        let place = "manifest \(repository):\(selector)"
        let response = try await self.session.send(
            "GET", "/v2/\(repository)/manifests/\(selector)",
            headers: [("Accept", MediaType.acceptedManifests.joined(separator: ", "))],
            scope: "repository:\(repository):pull")
        try Self.expect([200], response, place)
        guard response.body.count <= ImageManifest.maximumBytes else {
            throw RegistryError(.badAnswer, "\(place): larger than \(ImageManifest.maximumBytes) bytes")
        }
        let digest = SHA256Digest(hashing: response.body)
        if selector.contains(":"), try SHA256Digest.parse(selector) != digest {
            throw RegistryError(.damaged, "\(place): the registry sent \(digest)")
        }
        let stated = try JSONValue.parse(response.body)["mediaType"]?.stringValue
        let header = response.header("content-type").map { String($0.prefix { $0 != ";" && $0 != " " }) }
        guard let mediaType = stated ?? header, stated == nil || header == nil || stated == header else {
            throw RegistryError(
                .badAnswer, "\(place): media type \(header ?? "none") but the document states \(stated ?? "none")")
        }
        return Document(bytes: response.body, mediaType: mediaType, digest: digest)
    }

    /// The manifest of an image for the guest's platform.
    public struct ResolvedImage: Sendable {
        /// The manifest.
        public let manifest: ImageManifest
        /// The manifest's exact bytes.
        public let bytes: [UInt8]
        /// The manifest's digest.
        public let digest: SHA256Digest
        /// The digest of the index that led to it, if one did.
        public let indexDigest: SHA256Digest?

        /// The digests a signature may be for: the manifest's, and the index's.
        public var signableDigests: [SHA256Digest] { [self.digest] + (self.indexDigest.map { [$0] } ?? []) }
    }

    /// Fetches the manifest of an image, choosing from an index if the reference names one.
    public func image(_ reference: ImageReference) async throws -> ResolvedImage {
        let document = try await self.document(reference.repository, reference.selector)
        guard MediaType.isIndex(document.mediaType) else {
            return ResolvedImage(
                manifest: try ImageManifest(parsing: document.bytes), bytes: document.bytes, digest: document.digest,
                indexDigest: nil)
        }
        let entry = try ImageIndex(parsing: document.bytes).manifest()
        let inner = try await self.document(reference.repository, entry.digest.description)
        guard inner.bytes.count == entry.size, inner.mediaType == entry.mediaType else {
            throw RegistryError(.damaged, "manifest \(entry.digest): not the size or type that the index states")
        }
        return ResolvedImage(
            manifest: try ImageManifest(parsing: inner.bytes), bytes: inner.bytes, digest: inner.digest,
            indexDigest: document.digest)
    }

    /// The digest that a reference's tag stands for now.
    public func digest(of reference: ImageReference) async throws -> SHA256Digest {
        if let digest = reference.digest { return digest }
        return try await self.document(reference.repository, reference.selector).digest
    }

    /// Fetches a small blob into memory.
    public func blob(_ repository: String, _ descriptor: Descriptor, limit: Int = 4 << 20) async throws -> [UInt8] {
        guard descriptor.size <= limit else {
            throw RegistryError(.badAnswer, "blob \(descriptor.digest): \(descriptor.size) bytes, more than \(limit)")
        }
        let collected = ByteCollector()
        try await self.blob(repository, descriptor) { collected.append($0) }
        return collected.bytes
    }

    static func expect(_ allowed: [Int], _ response: ExchangeResponse, _ place: String) throws {
        guard !allowed.contains(response.status) else { return }
        switch response.status {
        case 401, 403: throw RegistryError(.unauthorized, "\(place): status \(response.status)")
        case 404: throw RegistryError(.notFound, "\(place): not found")
        default: throw RegistryError(.badAnswer, "\(place): status \(response.status)")
        }
    }
}
