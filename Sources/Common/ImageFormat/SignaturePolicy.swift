import Envelope
import WireFormat

/// Which images a tenant accepts: the policy of containers-policy.json(5), with inline keys.
///
/// No policy means that every image is rejected. All requirements of the scope that matches best must hold.
public struct SignaturePolicy: Sendable {
    /// What a policy asks to be fetched before it can decide on an image.
    public struct Needs: Hashable, Sendable {
        /// cosign signatures.
        public let cosign: Bool
        /// OpenPGP signatures.
        public let simple: Bool

        /// Creates the needs of a policy.
        public init(cosign: Bool, simple: Bool) {
            self.cosign = cosign
            self.simple = simple
        }
    }

    private let defaults: [SignatureRequirement]
    private let docker: [String: [SignatureRequirement]]

    /// The policy that rejects every image.
    public static let rejectAll = SignaturePolicy(defaults: [.reject], docker: [:])

    private init(defaults: [SignatureRequirement], docker: [String: [SignatureRequirement]]) {
        self.defaults = defaults
        self.docker = docker
    }

    /// Parses a policy; absent or `null` is ``rejectAll``.
    public init(optional value: JSONValue?) throws(WireError) {
        if let value, value != .null { try self.init(value) } else { self = .rejectAll }
    }

    /// Parses a policy. Requirements that are not understood refuse the whole policy.
    public init(_ value: JSONValue) throws(WireError) {
        var top = try JSONFields(value, path: "policy")
        self.defaults = try Self.requirements(try top.array("default"), "policy.default")
        let transports = top.optionalValue("transports")
        try top.finish()
        var docker: [String: [SignatureRequirement]] = [:]
        if let transports {
            guard let byName = transports.objectValue else {
                throw WireError(field: "policy.transports", reason: "not an object")
            }
            for (name, scopes) in byName {
                guard let scopes = scopes.objectValue, scopes.count <= 1024 else {
                    throw WireError(field: "policy.transports.\(name)", reason: "not an object of at most 1024 scopes")
                }
                // Images come from registries only; scopes of other transports cannot match.
                guard name == "docker" else { continue }
                for (scope, list) in scopes {
                    let path = "policy.transports.docker.\"\(scope)\""
                    guard let list = list.arrayValue else { throw WireError(field: path, reason: "not a list") }
                    docker[scope] = try Self.requirements(list, path)
                }
            }
        }
        self.docker = docker
    }

    private static func requirements(_ list: [JSONValue], _ path: String) throws(WireError) -> [SignatureRequirement] {
        // An empty list would hold for every image.
        guard (1...64).contains(list.count) else {
            throw WireError(field: path, reason: "not a list of 1 to 64 requirements")
        }
        var requirements: [SignatureRequirement] = []
        for (index, value) in list.enumerated() {
            requirements.append(try SignatureRequirement(value, path: "\(path)[\(index)]"))
        }
        return requirements
    }

    /// Replaces every `keyPath` of a policy document by the inline key that `read` returns, for the tenant's tools.
    public static func inliningKeys(in value: JSONValue, read: (String) throws -> [UInt8]) throws -> JSONValue {
        switch value {
        case .array(let elements): return .array(try elements.map { try self.inliningKeys(in: $0, read: read) })
        case .object(var object):
            if let path = object["keyPath"]?.stringValue, object["type"] != nil {
                object["keyPath"] = nil
                object["keyData"] = .string(Base64.encode(try read(path)))
            }
            return .object(try object.mapValues { try self.inliningKeys(in: $0, read: read) })
        default: return value
        }
    }

    /// The requirements for an image and the scope they come from.
    public func requirements(for image: ImageReference) -> (scope: String, requirements: [SignatureRequirement]) {
        for scope in Self.scopes(of: image) {
            if let found = self.docker[scope] { return (scope, found) }
        }
        return ("default", self.defaults)
    }

    /// The scopes that match an image, the narrowest first.
    static func scopes(of image: ImageReference) -> [String] {
        var scopes: [String] = []
        if let digest = image.digest { scopes.append("\(image.name)@\(digest.description)") }
        if let tag = image.tag { scopes.append("\(image.name):\(tag)") }
        if image.tag == nil, image.digest == nil { scopes.append("\(image.name):latest") }
        var name = image.name[...]
        scopes.append(String(name))
        while let slash = name.lastIndex(of: "/") {
            name = name[..<slash]
            scopes.append(String(name))
        }
        var host = name
        while let dot = host.firstIndex(of: ".") {
            host = host[host.index(after: dot)...]
            scopes.append("*.\(host)")
        }
        return scopes + [""]
    }

    /// What must be fetched to decide on an image.
    public func needs(for image: ImageReference) -> Needs {
        let requirements = self.requirements(for: image).requirements
        return Needs(
            cosign: requirements.contains { if case .sigstoreSigned = $0 { true } else { false } },
            simple: requirements.contains { if case .signedBy = $0 { true } else { false } })
    }

    /// Whether an image passes without any signature: some requirement accepts anything and none asks for more.
    public func acceptsAnything(for image: ImageReference) -> Bool {
        self.requirements(for: image).requirements.allSatisfy {
            if case .insecureAcceptAnything = $0 { true } else { false }
        }
    }

    /// Decides on an image.
    ///
    /// - Parameters:
    ///   - image: The reference as it was asked for.
    ///   - digests: The digest of the manifest that will run, and that of the index which led to it, if any.
    ///   - signatures: What was found.
    /// - Throws: ``SignatureRefusal`` with the first requirement that does not hold.
    public func evaluate(
        _ image: ImageReference, digests: [SHA256Digest], signatures: ImageSignatures
    ) throws(SignatureRefusal) {
        let (scope, requirements) = self.requirements(for: image)
        if let digest = image.digest, !digests.contains(digest) {
            throw SignatureRefusal("the manifest is not \(digest)")
        }
        for requirement in requirements {
            do {
                try requirement.check(image, digests: digests, signatures)
            } catch {
                throw SignatureRefusal("\(image): \(error.reason) (policy scope \"\(scope)\")")
            }
        }
    }
}
