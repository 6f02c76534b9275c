import Envelope
import HTTPExchange
import ImageFormat

extension RegistryClient {
    /// Whether a repository has a blob.
    public func hasBlob(_ repository: String, _ digest: SHA256Digest) async throws -> Bool {
        let place = "blob \(repository)@\(digest)"
        let response = try await self.session.send(
            "HEAD", "/v2/\(repository)/blobs/\(digest)", scope: "repository:\(repository):pull,push")
        if response.status == 404 { return false }
        try Self.expect([200], response, place)
        return true
    }

    /// Puts a blob into a repository, unless it is there.
    public func push(_ repository: String, blob bytes: [UInt8]) async throws -> SHA256Digest {
        let digest = SHA256Digest(hashing: bytes)
        if try await self.hasBlob(repository, digest) { return digest }
        let scope = "repository:\(repository):pull,push"
        let start = try await self.session.send("POST", "/v2/\(repository)/blobs/uploads/", scope: scope)
        try Self.expect([202], start, "upload to \(repository)")
        let location = try await self.session.sameOrigin(start.header("location"), "upload to \(repository)")
        let target = "\(location)\(location.contains("?") ? "&" : "?")digest=\(percentEncoded(digest.description))"
        let end = try await self.session.send(
            "PUT", target, headers: [("Content-Type", "application/octet-stream")], body: bytes, scope: scope)
        try Self.expect([201], end, "upload of \(digest) to \(repository)")
        return digest
    }

    /// Puts a manifest into a repository, under a tag or under its own digest.
    ///
    /// - Returns: The manifest's digest.
    public func push(
        _ repository: String, manifest bytes: [UInt8], mediaType: String, tag: String?
    ) async throws -> SHA256Digest {
        let digest = SHA256Digest(hashing: bytes)
        let response = try await self.session.send(
            "PUT", "/v2/\(repository)/manifests/\(tag ?? digest.description)", headers: [("Content-Type", mediaType)],
            body: bytes, scope: "repository:\(repository):pull,push")
        try Self.expect([200, 201], response, "manifest \(digest) to \(repository)")
        return digest
    }
}
