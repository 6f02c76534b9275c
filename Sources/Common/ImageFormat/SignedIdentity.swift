import WireFormat

/// How the name in a signature must relate to the name the image was asked for.
public enum SignedIdentity: Hashable, Sendable {
    /// The same reference, tag included.
    case matchExact
    /// The same repository if the image is asked for by digest, else the same reference.
    case matchRepoDigestOrExact
    /// The same repository, whatever the tag.
    case matchRepository
    /// This reference.
    case exactReference(String)
    /// This repository.
    case exactRepository(String)
    /// The image's name with `prefix` replaced, then as ``matchRepoDigestOrExact``.
    case remapIdentity(prefix: String, signedPrefix: String)

    init(_ value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        let type = try fields.string("type")
        switch type {
        case "matchExact": self = .matchExact
        case "matchRepoDigestOrExact": self = .matchRepoDigestOrExact
        case "matchRepository": self = .matchRepository
        case "exactReference":
            let text = try fields.string("dockerReference")
            let reference = try ImageReference(text)
            guard reference.tag != nil || reference.digest != nil else {
                throw WireError(field: "\(path).dockerReference", reason: "has neither tag nor digest")
            }
            self = .exactReference(text)
        case "exactRepository":
            let text = try fields.string("dockerRepository")
            let reference = try ImageReference(text)
            guard reference.tag == nil, reference.digest == nil else {
                throw WireError(field: "\(path).dockerRepository", reason: "has a tag or a digest")
            }
            self = .exactRepository(text)
        case "remapIdentity":
            let prefix = try fields.string("prefix")
            let signedPrefix = try fields.string("signedPrefix")
            guard !prefix.isEmpty, !signedPrefix.isEmpty else {
                throw WireError(field: path, reason: "an empty prefix")
            }
            self = .remapIdentity(prefix: prefix, signedPrefix: signedPrefix)
        default: throw WireError(field: "\(path).type", reason: "not a known type")
        }
        try fields.finish()
    }

    /// Whether a signature for `signed` covers an image asked for as `image`.
    func accepts(signed: String, for image: ImageReference) -> Bool {
        guard let signed = try? ImageReference(signed) else { return false }
        switch self {
        case .matchExact: return Self.sameReference(signed, image)
        case .matchRepoDigestOrExact: return Self.sameRepositoryOrExact(signed, image)
        case .matchRepository: return signed.name == image.name
        case .exactReference(let text):
            guard let expected = try? ImageReference(text) else { return false }
            return Self.sameReference(signed, expected) || (expected.digest != nil && signed == expected)
        case .exactRepository(let text):
            guard let expected = try? ImageReference(text) else { return false }
            return signed.name == expected.name
        case .remapIdentity(let prefix, let signedPrefix):
            guard let expected = Self.remap(image, prefix, signedPrefix) else { return false }
            return Self.sameRepositoryOrExact(signed, expected)
        }
    }

    /// Two names with tags are the same; a name without a tag is the same as nothing.
    private static func sameReference(_ signed: ImageReference, _ image: ImageReference) -> Bool {
        guard let signedTag = signed.tag, let tag = image.tag, signed.digest == nil else { return false }
        return signed.name == image.name && signedTag == tag
    }

    private static func sameRepositoryOrExact(_ signed: ImageReference, _ image: ImageReference) -> Bool {
        image.digest != nil ? signed.name == image.name : self.sameReference(signed, image)
    }

    private static func remap(_ image: ImageReference, _ prefix: String, _ signedPrefix: String) -> ImageReference? {
        guard image.name == prefix || image.name.hasPrefix(prefix + "/") else { return image }
        let name = signedPrefix + image.name.dropFirst(prefix.count)
        let tag = image.tag.map { ":\($0)" } ?? ""
        let digest = image.digest.map { "@\($0.description)" } ?? ""
        return try? ImageReference(name + tag + digest)
    }
}
