import Crypto
import CryptoExtras
import WireFormat

/// A tenant of the broker: its own administrators, what is its own, and how much of the store it may fill.
struct Tenant: Sendable, Equatable {
    /// Somebody who administers what is the tenant's.
    struct Admin: Sendable, Equatable {
        /// His name, for the audit log.
        let name: String
        /// His Ed25519 public key in PEM form.
        let pem: String
        let key: Curve25519.Signing.PublicKey

        static func == (one: Admin, other: Admin) -> Bool {
            one.name == other.name && one.key.rawRepresentation == other.key.rawRepresentation
        }
    }

    /// How much a tenant may have; nil stands for any number.
    struct Quota: Sendable, Equatable {
        /// Secrets under its repositories.
        var resources: Int64?
        /// Bytes of these secrets, all kept versions counted.
        var bytes: Int64?
        /// Manifests of its namespaces that are neither retired nor expired.
        var manifests: Int64?
    }

    /// Its name.
    let name: String
    /// Who administers it.
    let admins: [Admin]
    /// The first segments of its resources' paths.
    let repositories: [String]
    /// The namespaces of its manifests.
    let namespaces: [String]
    /// What the names of its services end in; the usual ends of its namespaces when nobody said so.
    let domains: [String]
    /// How much it may have.
    let quota: Quota

    /// The ends of names below which a namespace's services have theirs.
    private static let usualDomains = ["localhost", "svc.cluster.local"]
    private static let listLimit = 64

    /// Reads what an administrator sends, and what is stored.
    init(name: String, body: JSONValue) throws(WireError) {
        guard Self.isName(name) else {
            throw WireError(field: "name", reason: "must be 1 to 63 lower-case letters, digits and hyphens")
        }
        self.name = name
        var fields = try JSONFields(body, path: "")
        var admins: [Admin] = []
        for (index, element) in try fields.array("admins").enumerated() {
            admins.append(try Admin(element, path: "admins[\(index)]"))
        }
        self.admins = admins
        let repositories = try fields.optionalStrings("repositories")
        let namespaces = try fields.optionalStrings("namespaces")
        let domains = try fields.optionalStrings("domains")
        let numbers = try fields.optionalFields("quota")
        quota = try numbers.map { (numbers) throws(WireError) in try Quota(numbers) } ?? Quota()
        try fields.finish()
        (self.repositories, self.namespaces) = (repositories, namespaces)
        self.domains =
            domains.isEmpty
            ? namespaces.flatMap { namespace in Self.usualDomains.map { "\(namespace).\($0)" } } : domains
        func check(_ field: String, _ list: [String], _ reason: String, _ holds: (String) -> Bool) throws(WireError) {
            guard list.count <= Self.listLimit, Set(list).count == list.count, list.allSatisfy(holds) else {
                throw WireError(field: field, reason: "\(reason), at most \(Self.listLimit) and each once")
            }
        }
        try check("admins", admins.map(\.name), "must have names of 1 to 64 bytes") {
            (1...64).contains($0.utf8.count)
        }
        // A policy whose prefix begins with `kms` opens keys of any namespace.
        try check("repositories", repositories, "must be first segments of resource paths, not kms") {
            ResourcePath.isSegment($0) && $0 != "kms"
        }
        try check("namespaces", namespaces, "must be names of namespaces", Self.isName)
        try check("domains", domains, "must be plain lower-case DNS names of two labels or more") {
            Registration.isHostname($0) && $0.contains(".")
        }
    }

    /// The stored and listed form.
    var json: JSONValue {
        let limits = [("resources", quota.resources), ("bytes", quota.bytes), ("manifests", quota.manifests)]
        var numbers: [String: JSONValue] = [:]
        for case (let name, let limit?) in limits { numbers[name] = .integer(limit) }
        func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        return [
            "admins": .array(admins.map { ["name": .string($0.name), "key": .string($0.pem)] }),
            "repositories": list(repositories), "namespaces": list(namespaces), "domains": list(domains),
            "quota": .object(numbers),
        ]
    }

    /// What stands for all that is known of it: whoever changes it says by this what he has read.
    var etag: String { Hex.encode(SHA256.hash(data: json.canonicalBytes)) }

    /// What stands for a tenant that is not there.
    static let noEtag = "none"

    func owns(_ path: ResourcePath) -> Bool { repositories.contains(path.repository) }

    func owns(prefix: [String]) -> Bool { prefix.first.map { repositories.contains($0) } ?? false }

    func owns(namespace: String) -> Bool { namespaces.contains(namespace) }

    /// What of a registration is not the tenant's; nil when all of it is.
    func foreignPart(of registration: Registration) -> String? {
        guard owns(namespace: registration.namespace) else {
            return "namespace \(ShownText.cut(registration.namespace, bytes: 64)) is not one of tenant \(name)'s"
        }
        if let path = registration.resources.first(where: { !owns($0) }) {
            return "resource \(ShownText.cut(path.description, bytes: 256)) is in no repository of tenant \(name)"
        }
        if let host = registration.hostnames.first(where: { !owns(hostname: $0) }) {
            return "\(host) ends in no domain of tenant \(name)"
        }
        return nil
    }

    private func owns(hostname: String) -> Bool { domains.contains { hostname.hasSuffix(".\($0)") || hostname == $0 } }

    /// What two tenants would own both; nil when nothing.
    func overlap(with other: Tenant) -> String? {
        if let shared = repositories.first(where: other.repositories.contains) { return "repository \(shared)" }
        if let shared = namespaces.first(where: other.namespaces.contains) { return "namespace \(shared)" }
        let shared = domains.first { domain in
            other.domains.contains { $0 == domain || $0.hasSuffix(".\(domain)") || domain.hasSuffix(".\($0)") }
        }
        return shared.map { "domain \($0)" }
    }

    static func isName(_ text: String) -> Bool { Registration.isHostname(text) && !text.contains(".") }
}

extension Tenant.Admin {
    fileprivate init(_ value: JSONValue, path: String) throws(WireError) {
        var fields = try JSONFields(value, path: path)
        name = try fields.string("name")
        pem = try fields.string("key")
        try fields.finish()
        guard let key = try? Curve25519.Signing.PublicKey(pemRepresentation: pem) else {
            throw fields.refusal("key", "is no Ed25519 public key in PEM form")
        }
        self.key = key
    }
}

extension Tenant.Quota {
    fileprivate init(_ given: JSONFields) throws(WireError) {
        var fields = given
        resources = try fields.optionalInteger("resources")
        bytes = try fields.optionalInteger("bytes")
        manifests = try fields.optionalInteger("manifests")
        try fields.finish()
        for (name, limit) in [("resources", resources), ("bytes", bytes), ("manifests", manifests)] {
            // What is stored keeps no number above 2^53 as it is.
            guard (0...1 << 53).contains(limit ?? 0) else { throw fields.refusal(name, "must be 0 to 2^53") }
        }
    }
}
