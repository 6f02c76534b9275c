import ArgumentParser
import Foundation
import WireFormat

/// `testudo broker tenants`: who administers which repositories and namespaces.
struct BrokerTenants: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants", abstract: "Tenants of the key broker: their administrators, what is theirs, quotas.",
        subcommands: [TenantList.self, TenantShow.self, TenantSet.self, TenantRemove.self],
        defaultSubcommand: TenantList.self)

    static let path = "/kbs/v0/testudo/tenants"

    static func admin(_ common: CommonOptions) throws -> BrokerAdmin {
        try BrokerAdmin(state: common.folder, settings: try Settings(reading: common.folder))
    }

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

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let tenants = try await BrokerTenants.admin(common).json("GET", BrokerTenants.path)
        common.show(tenants, text: (tenants.arrayValue ?? []).map(BrokerTenants.line).joined(separator: "\n"))
    }
}

struct TenantShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show one tenant.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The tenant's name.") var name: String

    func run() async throws {
        let path = "\(BrokerTenants.path)/\(try TenantSet.checked(name))"
        let tenant = try await BrokerTenants.admin(common).json("GET", path)
        common.show(tenant, text: tenant.prettyText)
    }
}

struct TenantSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Make a tenant, or put what is said here in place of what is known of it.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The tenant's name.") var name: String
    @Option(help: "An administrator, NAME=FILE with the Ed25519 public key in PEM form; may be given several times.")
    var admin: [String] = []
    @Option(help: "A repository of its own; may be given several times.") var repository: [String] = []
    @Option(help: "A namespace of its own; may be given several times.") var namespace: [String] = []
    @Option(help: "What names of its services end in, instead of NAMESPACE.localhost and NAMESPACE.svc.cluster.local.")
    var domain: [String] = []
    @Option(help: "The most secrets.") var resources: Int64?
    @Option(help: "The most bytes of secrets, all kept versions counted.") var bytes: Int64?
    @Option(help: "The most active manifests.") var manifests: Int64?

    func validate() throws {
        for pair in admin where !pair.contains("=") { throw ValidationError("--admin takes NAME=FILE") }
    }

    func run() async throws {
        let path = "\(BrokerTenants.path)/\(try Self.checked(name))"
        let tenant = try await BrokerTenants.admin(common).json("PUT", path, try body())
        common.show(tenant, text: BrokerTenants.line(tenant))
    }

    /// The body of the call.
    func body() throws -> JSONValue {
        var admins: [JSONValue] = []
        for pair in admin {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            admins.append(["name": .string(parts[0]), "key": .string(try StateFolder.text(parts[1]))])
        }
        var quota: [String: JSONValue] = [:]
        for case (let name, let limit?) in [("resources", resources), ("bytes", bytes), ("manifests", manifests)] {
            quota[name] = .integer(limit)
        }
        func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        return [
            "admins": .array(admins), "repositories": list(repository), "namespaces": list(namespace),
            "domains": list(domain), "quota": .object(quota),
        ]
    }

    /// The name, when it can stand in a path.
    static func checked(_ name: String) throws -> String {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 == 45 || (48...57).contains($0) || (97...122).contains($0) })
        else {
            throw CommandFailure("a tenant's name has lower-case letters, digits and hyphens only")
        }
        return name
    }
}

struct TenantRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take away a tenant that has no resources and no active manifests any more.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The tenant's name.") var name: String

    func run() async throws {
        try await BrokerTenants.admin(common).call("DELETE", "\(BrokerTenants.path)/\(try TenantSet.checked(name))")
        common.show(["removed": .string(name)], text: "removed \(name)")
    }
}
