import Envelope
import WireFormat

/// Image names as manifests hold them: registry, repository and digest, never a tag.
enum PinnedImage {
    /// Checks `registry/repository@sha256:hex`.
    static func check(_ image: String, _ field: String) throws(WireError) {
        let halves = image.split(separator: "@", omittingEmptySubsequences: false)
        guard image.utf8.count <= 1024, halves.count == 2, (try? SHA256Digest.parse(String(halves[1]))) != nil else {
            throw WireError(field: field, reason: "must be pinned: registry/repository@sha256:digest")
        }
        let (registry, repository) = try split(halves[0], field)
        guard !repository.contains(":") else { throw WireError(field: field, reason: "must not have a tag") }
        try WebOrigin.checkAuthority(registry, field)
    }

    /// The pinned form of any image name that has a registry.
    static func pin(_ image: String, to digest: SHA256Digest, _ field: String) throws(WireError) -> String {
        let halves = image.split(separator: "@", omittingEmptySubsequences: false)
        guard let name = halves.first, halves.count <= 2 else {
            throw WireError(field: field, reason: "is no image name")
        }
        if halves.count == 2, halves[1] != digest.description {
            throw WireError(field: field, reason: "has another digest than the image that was checked")
        }
        let (registry, repository) = try split(name, field, tagAllowed: true)
        let pinned = "\(registry)/\(repository.prefix { $0 != ":" })@\(digest)"
        try check(pinned, field)
        return pinned
    }

    /// The registry in an image name.
    static func registry(of image: String, _ field: String) throws(WireError) -> String {
        String(try split(image.prefix { $0 != "@" }, field, tagAllowed: true).registry)
    }

    private static func split(
        _ name: Substring, _ field: String, tagAllowed: Bool = false
    ) throws(WireError) -> (registry: Substring, repository: Substring) {
        guard let slash = name.firstIndex(of: "/") else {
            throw WireError(field: field, reason: "must name its registry, such as registry.example/\(name)")
        }
        let registry = name[..<slash]
        let repository = name[name.index(after: slash)...]
        guard registry.contains(".") || registry.contains(":") || registry == "localhost" else {
            throw WireError(field: field, reason: "must name its registry, such as docker.io/\(name)")
        }
        let path = tagAllowed ? repository.prefix { $0 != ":" } : repository
        let tag = repository.dropFirst(path.count).dropFirst()
        let isPath = path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isComponent)
        let isTag = tag.utf8.allSatisfy { byte in
            isAlphanumeric(byte) || (0x41...0x5A).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        guard isPath, isTag, path.utf8.count <= 255 else { throw WireError(field: field, reason: "is no image name") }
        return (registry, repository)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private static func isComponent(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, let last = part.utf8.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && part.utf8.allSatisfy { isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }
}
