import ArgumentParser
import Foundation
import WireFormat

/// `testudo broker tenants`: who administers which repositories and namespaces.
struct BrokerTenants: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants", abstract: "Tenants of the key broker: their administrators, what is theirs, quotas.",
        subcommands: [TenantList.self, TenantShow.self, TenantSet.self, TenantDelete.self],
        defaultSubcommand: TenantList.self)

    static let path = "/kbs/v0/testudo/tenants"
    static let unknown = "`testudo broker tenants list` shows the names"

    /// One line for a tenant: its name, what is its own, what it has of what it may have.
    static func line(_ tenant: JSONValue) -> String {
        func list(_ name: String) -> String {
            (tenant[name]?.arrayValue ?? []).compactMap(\.stringValue).map(ShownText.line).joined(separator: ",")
        }
        let numbers = ["resources", "bytes", "manifests"].map { name in
            let has = tenant["use"]?[name]?.integerValue ?? 0
            return "\(name) \(has)" + (tenant["quota"]?[name]?.integerValue.map { " of \($0)" } ?? "")
        }
        let name = ShownText.line(tenant["name"]?.stringValue ?? "")
        return "\(name)  repositories \(list("repositories"))  namespaces \(list("namespaces"))  "
            + numbers.joined(separator: ", ")
    }
}

struct TenantList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List all tenants.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        let tenants = try await common.admin().json("GET", BrokerTenants.path)
        common.show(
            tenants,
            text: tenants.arrayValue?.isEmpty ?? true
                ? "no tenants" : (tenants.arrayValue ?? []).map(BrokerTenants.line).joined(separator: "\n"))
    }
}

struct TenantShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one tenant.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The tenant's name.") var name: String

    func run() async throws {
        let path = "\(BrokerTenants.path)/\(try TenantSet.checked(name))"
        let tenant = try await common.admin().json("GET", path, hints: [404: BrokerTenants.unknown])
        common.show(tenant, text: tenant.prettyText)
    }
}

struct TenantSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Make a tenant, or change what is said here of one that is there.",
        discussion: """
            What is not said stays: administrators, repositories, namespaces and domains are added to those that are there, \
            and taken away by --remove-… . With --replace the tenant has what is said here and nothing else; what it loses \
            is printed.
            """)

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The tenant's name.") var name: String
    @Option(help: "An administrator, NAME=FILE with the Ed25519 public key in PEM form; may be given several times.")
    var admin: [String] = []
    @Option(help: "A repository of its own; may be given several times.") var repository: [String] = []
    @Option(help: "A namespace of its own; may be given several times.") var namespace: [String] = []
    @Option(help: "What names of its services end in, instead of NAMESPACE.localhost and NAMESPACE.svc.cluster.local.")
    var domain: [String] = []
    @Option(help: "The most secrets; none for any number.") var resources: TenantLimit?
    @Option(help: "The most bytes of secrets, all kept versions counted; none for any number.") var bytes: TenantLimit?
    @Option(help: "The most active manifests; none for any number.") var manifests: TenantLimit?
    @Option(help: "An administrator's name to take away; may be given several times.") var removeAdmin: [String] = []
    @Option(help: "A repository to take away; may be given several times.") var removeRepository: [String] = []
    @Option(help: "A namespace to take away; may be given several times.") var removeNamespace: [String] = []
    @Option(help: "A domain to take away; may be given several times.") var removeDomain: [String] = []
    @Flag(help: "Have nothing but what is said here.") var replace = false

    func validate() throws {
        for pair in admin where !pair.contains("=") { throw ValidationError("--admin takes NAME=FILE") }
        let removed = [removeAdmin, removeRepository, removeNamespace, removeDomain]
        guard !replace || removed.allSatisfy(\.isEmpty) else {
            throw ValidationError("--replace takes away all that is not said; --remove-… goes without it")
        }
    }

    func run() async throws {
        _ = try Self.checked(name)
        let broker = try common.admin()
        let known = try await broker.json("GET", BrokerTenants.path).arrayValue ?? []
        let before = known.first { $0["name"]?.stringValue == name }
        let tenant = try await put(over: before, broker)
        let lost = Self.lost(before, tenant)
        common.show(
            .object((tenant.objectValue ?? [:]).merging(["removed": .array(lost.map { .string($0) })]) { $1 }),
            text: ([BrokerTenants.line(tenant)] + lost.map { "removed \($0)" }).joined(separator: "\n"))
    }

    /// Makes the tenant what is said here and was known before, unless somebody else changed it meanwhile.
    func put(over before: JSONValue?, _ broker: BrokerAdmin) async throws -> JSONValue {
        let path = "\(BrokerTenants.path)/\(try Self.checked(name))?if-match=\(before?["etag"]?.stringValue ?? "none")"
        return try await broker.json("PUT", path, try body(over: before)) { [name] detail in
            detail.contains("not as it was when it was read")
                ? "somebody else changed it meanwhile: look with `testudo broker tenants show \(name)`, then give the command again"
                : nil
        }
    }

    /// The body of the call, for a tenant of which `before` is known.
    func body(over before: JSONValue? = nil) throws -> JSONValue {
        let kept = replace ? nil : before
        var keys: [(name: String, key: JSONValue)] = []
        for admin in kept?["admins"]?.arrayValue ?? [] {
            keys.append((admin["name"]?.stringValue ?? "", admin["key"] ?? .null))
        }
        try Self.remove(removeAdmin, from: keys.map(\.name), "administrator")
        keys.removeAll { removeAdmin.contains($0.name) }
        for pair in admin {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let key = JSONValue.string(try GivenFile.text(parts[1]))
            keys.removeAll { $0.name == parts[0] }
            keys.append((parts[0], key))
        }
        func list(_ member: String, _ added: [String], _ removed: [String], _ what: String) throws -> [String] {
            let known = (kept?[member]?.arrayValue ?? []).compactMap(\.stringValue)
            try Self.remove(removed, from: known, what)
            let left = known.filter { !removed.contains($0) }
            return left + added.filter { !left.contains($0) }
        }
        let repositories = try list("repositories", repository, removeRepository, "repository")
        let namespaces = try list("namespaces", namespace, removeNamespace, "namespace")
        var domains = try list("domains", domain, removeDomain, "domain")
        // The broker's usual ones follow the namespaces, as long as nobody named others.
        let usual = Self.usualDomains((kept?["namespaces"]?.arrayValue ?? []).compactMap(\.stringValue))
        if domain.isEmpty, removeDomain.isEmpty, Set(domains) == usual { domains = [] }
        if !domain.isEmpty, let known = kept?["domains"]?.arrayValue, Set(known.compactMap(\.stringValue)) == usual {
            domains = domain
        }
        var quota = kept?["quota"]?.objectValue ?? [:]
        for case (let name, let limit?) in [("resources", resources), ("bytes", bytes), ("manifests", manifests)] {
            quota[name] = limit.number.map { .integer($0) }
        }
        func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        return [
            "admins": .array(keys.map { ["name": .string($0.name), "key": $0.key] }),
            "repositories": texts(repositories), "namespaces": texts(namespaces), "domains": texts(domains),
            "quota": .object(quota),
        ]
    }

    /// What is to be taken away has to be there.
    private static func remove(_ names: [String], from known: [String], _ what: String) throws {
        for name in names where !known.contains(name) {
            throw CommandFailure(
                "the tenant has no \(what) \(ShownText.line(name))",
                hint: "it has \(known.isEmpty ? "none" : known.map(ShownText.line).joined(separator: ", "))")
        }
    }

    private static func usualDomains(_ namespaces: [String]) -> Set<String> {
        Set(namespaces.flatMap { ["\($0).localhost", "\($0).svc.cluster.local"] })
    }

    /// What a tenant had before and has no more, one line each.
    static func lost(_ before: JSONValue?, _ after: JSONValue) -> [String] {
        func names(_ tenant: JSONValue?, _ member: String) -> [String] {
            (tenant?[member]?.arrayValue ?? []).compactMap { $0.stringValue ?? $0["name"]?.stringValue }
        }
        var lost: [String] = []
        for (member, what) in [
            ("admins", "administrator"), ("repositories", "repository"), ("namespaces", "namespace"),
            ("domains", "domain"),
        ] {
            let left = names(after, member)
            lost += names(before, member).filter { !left.contains($0) }.map { "\(what) \($0)" }
        }
        for (name, limit) in (before?["quota"]?.objectValue ?? [:]).sorted(by: { $0.key < $1.key })
        where after["quota"]?[name] == nil { lost.append("quota \(name) \(limit.canonicalText)") }
        return lost
    }

    /// The name, when it can stand in a path.
    static func checked(_ name: String) throws -> String {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 == 45 || (48...57).contains($0) || (97...122).contains($0) })
        else {
            throw CommandFailure(
                "\(ShownText.line(name)) is no name of a tenant", hint: "use lower-case letters, digits and hyphens",
                status: 2)
        }
        return name
    }
}

/// How much a tenant may have of something: a number, or `none` for any number.
struct TenantLimit: ExpressibleByArgument, Equatable {
    /// The number; nil for any.
    let number: Int64?

    init?(argument: String) {
        if argument == "none" {
            number = nil
        } else {
            guard let number = Int64(argument), number >= 0 else { return nil }
            self.number = number
        }
    }
}

struct TenantDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Take away a tenant that has no resources and no active manifests any more.",
        aliases: ["remove"])

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The tenant's name.") var name: String

    func run() async throws {
        try await common.admin().call(
            "DELETE", "\(BrokerTenants.path)/\(try TenantSet.checked(name))", hints: [404: BrokerTenants.unknown])
        common.show(["deleted": .string(name)], text: "deleted \(name)")
    }
}
