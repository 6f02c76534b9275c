import Envelope
import WireFormat

/// The name of an image: registry, repository and what picks the manifest.
///
/// Follows the distribution reference grammar, with Docker's defaults: `busybox` is
/// `docker.io/library/busybox`. A reference without tag and digest means the tag `latest`.
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// The host of the registry, with its port if the reference has one.
    public let registry: String
    /// The path of the repository below the registry.
    public let repository: String
    /// The tag, if the reference has one.
    public let tag: String?
    /// The digest of the manifest, if the reference has one. It wins over the tag.
    public let digest: SHA256Digest?

    /// The longest reference accepted, in bytes: 255 for the name, 128 for the tag, 72 for the digest, and separators.
    public static let maximumLength = 512

    /// Creates a reference from parts that are known to be well formed.
    init(checkedRegistry registry: String, repository: String, tag: String?, digest: SHA256Digest?) {
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    /// Parses a reference such as `registry:5000/team/app:1.2@sha256:…`.
    ///
    /// - Parameter text: The reference, without a transport prefix.
    public init(_ text: String) throws(WireError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw WireError(field: "image reference", reason: "longer than \(Self.maximumLength) bytes")
        }
        var rest = text[...]
        var digest: SHA256Digest?
        if let at = rest.firstIndex(of: "@") {
            digest = try SHA256Digest.parse(String(rest[rest.index(after: at)...]))
            rest = rest[..<at]
        }
        var tag: String?
        let lastSlash = rest.lastIndex(of: "/") ?? rest.startIndex
        if let colon = rest.lastIndex(of: ":"), colon > lastSlash || (lastSlash == rest.startIndex) {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        if let tag { try Self.checkTag(tag) }
        let (registry, repository) = try Self.splitName(rest)
        self.init(checkedRegistry: registry, repository: repository, tag: tag, digest: digest)
    }

    /// `registry/repository`, in full.
    public var name: String { "\(self.registry)/\(self.repository)" }

    /// What a registry is asked for: the digest if there is one, else the tag, else `latest`.
    public var selector: String { self.digest?.description ?? self.tag ?? "latest" }

    /// The full text of the reference.
    public var description: String {
        let tagged = self.tag.map { "\(self.name):\($0)" } ?? self.name
        return self.digest.map { "\(tagged)@\($0.description)" } ?? tagged
    }

    /// The same repository at a digest, without a tag.
    public func pinned(to digest: SHA256Digest) -> ImageReference {
        ImageReference(checkedRegistry: self.registry, repository: self.repository, tag: nil, digest: digest)
    }

    /// The same repository at a tag.
    public func tagged(_ tag: String) throws(WireError) -> ImageReference {
        try Self.checkTag(tag)
        return ImageReference(checkedRegistry: self.registry, repository: self.repository, tag: tag, digest: nil)
    }

    private static func splitName(_ name: Substring) throws(WireError) -> (String, String) {
        var registry = "docker.io"
        var path = name
        if let slash = name.firstIndex(of: "/") {
            let first = name[..<slash]
            if first.contains(".") || first.contains(":") || first == "localhost"
                || first.contains(where: \.isUppercase)
            {
                registry = String(first)
                path = name[name.index(after: slash)...]
            }
        }
        if registry == "index.docker.io" { registry = "docker.io" }
        try self.checkRegistry(registry)
        let components = path.split(separator: "/", omittingEmptySubsequences: false)
        for component in components { try self.checkComponent(component) }
        let repository = registry == "docker.io" && components.count == 1 ? "library/\(path)" : String(path)
        guard repository.utf8.count <= 255 else {
            throw WireError(field: "image repository", reason: "longer than 255 bytes")
        }
        return (registry, repository)
    }

    private static func checkRegistry(_ registry: String) throws(WireError) {
        let fault = WireError(field: "image registry", reason: "not a host name with an optional port")
        var host = registry[...]
        if registry.hasPrefix("[") {
            guard let close = registry.firstIndex(of: "]") else { throw fault }
            let address = registry[registry.index(after: registry.startIndex)..<close]
            guard !address.isEmpty, address.utf8.allSatisfy({ isHex($0) || $0 == UInt8(ascii: ":") }) else {
                throw fault
            }
            host = registry[registry.index(after: close)...]
            guard host.isEmpty || host.hasPrefix(":") else { throw fault }
            if !host.isEmpty { try self.checkPort(host.dropFirst(), fault) }
            return
        }
        if let colon = host.firstIndex(of: ":") {
            try self.checkPort(host[host.index(after: colon)...], fault)
            host = host[..<colon]
        }
        for label in host.split(separator: ".", omittingEmptySubsequences: false) {
            let letters = label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
            guard !label.isEmpty, letters, !label.hasPrefix("-"), !label.hasSuffix("-") else { throw fault }
        }
    }

    private static func checkPort(_ text: Substring, _ fault: WireError) throws(WireError) {
        guard text.utf8.allSatisfy(isDigit), let port = UInt16(text), port > 0 else { throw fault }
    }

    /// A path component: lower-case letters and digits, joined by `.`, `_`, `__` or any number of `-`.
    private static func checkComponent(_ component: Substring) throws(WireError) {
        let fault = WireError(field: "image repository", reason: "a component is not of the allowed form")
        var separator: [UInt8] = []
        var sawLetter = false
        for byte in component.utf8 {
            if isLowercase(byte) || isDigit(byte) {
                let joined =
                    separator.isEmpty || separator == [0x2E] || separator == [0x5F] || separator == [0x5F, 0x5F]
                guard joined || separator.allSatisfy({ $0 == 0x2D }), sawLetter || separator.isEmpty else {
                    throw fault
                }
                separator = []
                sawLetter = true
            } else if byte == 0x2E || byte == 0x5F || byte == 0x2D {
                separator.append(byte)
            } else {
                throw fault
            }
        }
        guard sawLetter, separator.isEmpty else { throw fault }
    }

    private static func checkTag(_ tag: String) throws(WireError) {
        let bytes = Array(tag.utf8)
        let allowed = bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x5F || $0 == 0x2E || $0 == 0x2D }
        guard let first = bytes.first, bytes.count <= 128, allowed, isAlphanumeric(first) || first == 0x5F else {
            throw WireError(field: "image tag", reason: "not 1 to 128 allowed characters")
        }
    }
}

func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
func isLowercase(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLowercase(byte) || (0x41...0x5A).contains(byte) }
func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte) }
