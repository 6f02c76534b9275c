import Envelope
import HTTPExchange
import ImageFormat
import WireFormat

/// A store of simple-signing signatures beside the registry: `<base>/<repository>@sha256=<hex>/signature-<n>`.
public struct LookasideStore: Sendable {
    let exchanger: HTTPExchanger
    let basePath: String

    /// Creates a store.
    ///
    /// - Parameters:
    ///   - basePath: The path of the store on its server, without a slash at its end.
    ///   - exchanger: The connection to the server.
    public init(basePath: String, exchanger: HTTPExchanger) {
        self.basePath = basePath.hasSuffix("/") ? String(basePath.dropLast()) : basePath
        self.exchanger = exchanger
    }
}

extension RegistryClient {
    /// The most signatures of one image that are looked at.
    static let maximumSignatures = 16

    /// Fetches what a policy needs to decide on an image.
    ///
    /// - Parameters:
    ///   - reference: The image as it was asked for.
    ///   - digests: The digests that a signature may be for.
    ///   - needs: What the policy asks for.
    ///   - lookaside: A store for simple signing; without one, the registry's own signature extension is asked.
    public func signatures(
        of reference: ImageReference, digests: [SHA256Digest], needs: SignaturePolicy.Needs,
        lookaside: LookasideStore? = nil
    ) async throws -> ImageSignatures {
        var found = ImageSignatures()
        for digest in digests {
            if needs.cosign { found.cosign += try await self.cosignSignatures(reference.repository, digest) }
            if needs.simple {
                if let lookaside {
                    found.simple += try await lookaside.signatures(of: reference, digest)
                } else {
                    found.simple += try await self.extensionSignatures(reference.repository, digest)
                }
            }
        }
        return found
    }

    /// The cosign signatures of a manifest; none if the repository has no such tag.
    public func cosignSignatures(_ repository: String, _ digest: SHA256Digest) async throws -> [CosignSignature] {
        let document: Document
        do {
            document = try await self.document(repository, CosignSignature.tag(of: digest))
        } catch let error as RegistryError where error.kind == .notFound {
            return []
        }
        var signatures: [CosignSignature] = []
        for layer in try ImageManifest(parsing: document.bytes).layers.prefix(Self.maximumSignatures)
        where layer.mediaType == MediaType.cosignPayload {
            let payload = try await self.blob(repository, layer, limit: SignedClaim.maximumBytes)
            signatures.append(try CosignSignature(layer: layer, payload: payload))
        }
        return signatures
    }

    /// Pushes a cosign signature beside those a manifest already has, or in their place.
    ///
    /// - Returns: The digest of the signature manifest.
    public func push(
        _ repository: String, signature: CosignSignature, of digest: SHA256Digest, replacing: Bool = false
    ) async throws -> SHA256Digest {
        var signatures = replacing ? [] : try await self.cosignSignatures(repository, digest)
        if !signatures.contains(signature) { signatures.append(signature) }
        let built = CosignSignatureManifest(signatures: signatures)
        for blob in built.blobs { _ = try await self.push(repository, blob: blob.bytes) }
        return try await self.push(
            repository, manifest: built.manifest.bytes, mediaType: MediaType.ociManifest,
            tag: CosignSignature.tag(of: digest))
    }

    /// Simple-signing signatures by the X-Registry-Supports-Signatures extension.
    private func extensionSignatures(_ repository: String, _ digest: SHA256Digest) async throws -> [SimpleSignature] {
        let place = "signatures of \(repository)@\(digest)"
        let response = try await self.session.send(
            "GET", "/extensions/v2/\(repository)/signatures/\(digest)", scope: "repository:\(repository):pull")
        if response.status == 404 { return [] }
        try Self.expect([200], response, place)
        let list = try JSONValue.parse(response.body)["signatures"]?.arrayValue ?? []
        var signatures: [SimpleSignature] = []
        for entry in list.prefix(Self.maximumSignatures) where entry["type"]?.stringValue == "atomic" {
            guard let content = entry["content"]?.stringValue else {
                throw RegistryError(.badAnswer, "\(place): no content")
            }
            signatures.append(SimpleSignature(message: try Base64.decode(content, field: "signature content")))
        }
        return signatures
    }
}

extension LookasideStore {
    func signatures(of reference: ImageReference, _ digest: SHA256Digest) async throws -> [SimpleSignature] {
        var signatures: [SimpleSignature] = []
        for number in 1...RegistryClient.maximumSignatures {
            let path = "\(self.basePath)/\(SimpleSignature.path(of: reference, manifest: digest, number: number))"
            let response: ExchangeResponse
            do {
                response = try await self.exchanger.send(
                    ExchangeRequest(method: "GET", path: path, headers: [], body: []))
            } catch {
                throw RegistryError(.unreachable, "signature store: \(error)")
            }
            if response.status == 404 { break }
            try RegistryClient.expect([200], response, "signature store \(path)")
            signatures.append(SimpleSignature(message: response.body))
        }
        return signatures
    }
}
