import KeyManagement
import SealedStorage
import WireFormat

extension EntryFamily {
    /// Tenants, by name.
    static let tenant = EntryFamily(rawValue: "tenant")
    /// What lies in a repository, by its name; kept up by each transaction that changes it.
    static let repositoryUse = EntryFamily(rawValue: "repository-use")
    /// Since when a namespace is its tenant's, in seconds since 1970.
    static let namespaceSince = EntryFamily(rawValue: "namespace-since")
}

/// How many secrets a repository has, and of how many bytes.
struct RepositoryUse: Sendable, Equatable {
    var resources: Int64 = 0
    var bytes: Int64 = 0

    init() {}

    init(stored entry: StoredEntry) throws(BrokerError) {
        guard let value = try? JSONValue.parse(entry.value), let resources = value["resources"]?.integerValue,
            let bytes = value["bytes"]?.integerValue
        else { throw BrokerError(.failed, check: "storage", "the use of a repository cannot be read") }
        (self.resources, self.bytes) = (resources, bytes)
    }

    var json: JSONValue { ["resources": .integer(resources), "bytes": .integer(bytes)] }

    mutating func add(resources: Int64, bytes: Int64) {
        self.resources = max(0, self.resources + resources)
        self.bytes = max(0, self.bytes + bytes)
    }
}

extension BrokerStore {
    /// All tenants, sorted by name.
    func tenants() async throws(BrokerError) -> [Tenant] {
        var found: [Tenant] = []
        for entry in try await list(.tenant) { found.append(try Tenant(stored: entry)) }
        return found
    }

    /// All tenants, and the revision that they are of.
    func tenantsNow() async throws(BrokerError) -> (tenants: [Tenant], revision: UInt64) {
        let (entries, revision) = try await transact([], listing: [.tenant]) { (transaction) throws(BrokerError) in
            (try transaction.entries(.tenant), transaction.revision)
        }
        return (try entries.map { (entry) throws(BrokerError) in try Tenant(stored: entry) }, revision)
    }

    /// The tenant of a name.
    func tenant(_ name: String) async throws(BrokerError) -> Tenant? {
        try await read(EntryFamily.tenant[name]).map { (entry) throws(BrokerError) in try Tenant(stored: entry) }
    }

    /// Makes a tenant or replaces what is known of it; nothing may be another one's too.
    ///
    /// What its repositories hold already is counted anew.
    ///
    /// - Parameter ifMatch: Refuses unless the tenant is as this ``Tenant/etag`` says; nil replaces it whatever it is.
    func putTenant(_ tenant: Tenant, ifMatch: String? = nil, now: Int64) async throws(BrokerError) {
        try await transact(
            [],
            listing: [.tenant, .resource, .resourcePolicy, .repositoryUse, .registration] + NamespaceHoldings.families
        ) {
            (transaction) throws(BrokerError) in
            let former = try transaction.entries(.tenant).first { $0.name == tenant.name }
                .map { (entry) throws(BrokerError) in try Tenant(stored: entry) }
            guard ifMatch == nil || ifMatch == former?.etag ?? Tenant.noEtag else {
                throw BrokerError(
                    .conflict, check: "tenant-changed", "tenant \(tenant.name) is not as it was when it was read")
            }
            if let former {
                // What lies there would be the next one's.
                for repository in former.repositories where !tenant.repositories.contains(repository) {
                    try transaction.checkEmpty(repository)
                }
                for namespace in former.namespaces where !tenant.owns(namespace: namespace) {
                    try transaction.giveUp(namespace: namespace, now: now)
                }
            }
            for namespace in tenant.namespaces where former?.owns(namespace: namespace) != true {
                transaction.put(EntryFamily.namespaceSince[namespace], Array("\(now)".utf8))
            }
            for entry in try transaction.entries(.tenant) where entry.name != tenant.name {
                let other = try Tenant(stored: entry)
                guard let shared = tenant.overlap(with: other) else { continue }
                throw BrokerError(.conflict, check: "tenant", "\(shared) is tenant \(other.name)'s")
            }
            var uses = Dictionary(tenant.repositories.map { ($0, RepositoryUse()) }) { first, _ in first }
            for entry in try transaction.entries(.resource) {
                let repository = String(entry.name.prefix { $0 != "/" })
                guard uses[repository] != nil else { continue }
                let size = try StoredResource(stored: entry.value).size
                uses[repository]?.add(resources: 1, bytes: size)
            }
            for (repository, use) in uses {
                transaction.put(EntryFamily.repositoryUse[repository], use.json.canonicalBytes)
            }
            transaction.put(EntryFamily.tenant[tenant.name], tenant.json.canonicalBytes)
        }
    }

    /// Takes away a tenant that has nothing any more; answers false when there is none of this name.
    ///
    /// What it leaves behind would be the next one's who gets its repositories and namespaces.
    func deleteTenant(_ name: String, now: Int64) async throws(BrokerError) -> Bool {
        let key = EntryFamily.tenant[name]
        return try await transact(
            [key],
            listing: [.repositoryUse, .registration, .resource, .resourcePolicy] + NamespaceHoldings.families
        ) {
            (transaction) throws(BrokerError) in
            guard let entry = try transaction.entry(key) else { return false }
            let tenant = try Tenant(stored: entry)
            let use = try transaction.use(of: tenant)
            let manifests = try transaction.manifests(of: tenant, now: now).count
            guard use.resources == 0, manifests == 0 else {
                throw BrokerError(
                    .conflict, check: "tenant",
                    "tenant \(name) still has \(use.resources) resources and \(manifests) active manifests")
            }
            for repository in tenant.repositories { try transaction.checkEmpty(repository) }
            for namespace in tenant.namespaces { try transaction.giveUp(namespace: namespace, now: now) }
            transaction.remove(key)
            return true
        }
    }

    /// What a tenant has, beside its quota.
    func use(of tenant: Tenant, now: Int64) async throws(BrokerError) -> JSONValue {
        let (use, manifests) = try await transact([], listing: [.repositoryUse, .registration]) {
            (transaction) throws(BrokerError) in
            (try transaction.use(of: tenant), try transaction.manifests(of: tenant, now: now).count)
        }
        return .object((use.json.objectValue ?? [:]).merging(["manifests": .integer(Int64(manifests))]) { $1 })
    }

    /// Stores a registration for a tenant, within its quota and among its own.
    func putRegistration(_ registration: Registration, for name: String, now: Int64) async throws(BrokerError) {
        let key = EntryFamily.registration[registration.digest]
        try await transact([EntryFamily.tenant[name], key], listing: [.registration]) {
            (transaction) throws(BrokerError) in
            let tenant = try transaction.tenant(name)
            if let part = tenant.foreignPart(of: registration) { throw Tenant.notYours(part) }
            if let known = try transaction.entry(key).map({ (entry) throws(BrokerError) in
                try Registration(stored: entry)
            }), !tenant.owns(namespace: known.namespace) {
                throw BrokerError(.conflict, check: "tenant", "somebody else registered this manifest")
            }
            let others = try transaction.manifests(of: tenant, now: now).filter { $0.digest != registration.digest }
            try tenant.requireRoom("manifests", others.count + 1, tenant.quota.manifests)
            transaction.put(registration)
        }
    }

    /// Retires a tenant's manifest; answers false when the tenant registered none of this digest.
    func retireRegistration(_ digest: String, for tenant: Tenant) async throws(BrokerError) -> Bool {
        let key = EntryFamily.registration[digest]
        return try await transact([key]) { (transaction) throws(BrokerError) in
            guard let entry = try transaction.entry(key) else { return false }
            var found = try Registration(stored: entry)
            guard tenant.owns(namespace: found.namespace) else { return false }
            found.state = .retired
            transaction.put(found)
            return true
        }
    }
}

extension StoreTransaction {
    /// The tenant as it is now, whoever he was when the call came in.
    func tenant(_ name: String) throws(BrokerError) -> Tenant {
        guard let entry = try entry(EntryFamily.tenant[name]) else {
            throw BrokerError(.adminAccess, check: "tenant", "the tenant does not exist any more")
        }
        return try Tenant(stored: entry)
    }

    /// Counts what a change does to a repository, and refuses it where a tenant's quota does not allow it.
    mutating func count(
        _ path: ResourcePath, resources: Int64, bytes: Int64, for name: String?
    ) throws(BrokerError) {
        let key = EntryFamily.repositoryUse[path.repository]
        var use =
            try entry(key).map { (entry) throws(BrokerError) in try RepositoryUse(stored: entry) } ?? RepositoryUse()
        use.add(resources: resources, bytes: bytes)
        put(key, use.json.canonicalBytes)
        guard let name else { return }
        let tenant = try tenant(name)
        guard tenant.owns(path) else { throw Tenant.notYours("repository \(path.repository)") }
        let total = try self.use(of: tenant)
        if resources > 0 { try tenant.requireRoom("resources", Int(total.resources), tenant.quota.resources) }
        if bytes > 0 { try tenant.requireRoom("bytes", Int(total.bytes), tenant.quota.bytes) }
    }

    fileprivate func use(of tenant: Tenant) throws(BrokerError) -> RepositoryUse {
        var total = RepositoryUse()
        for entry in try entries(.repositoryUse) where tenant.repositories.contains(entry.name) {
            let use = try RepositoryUse(stored: entry)
            total.add(resources: use.resources, bytes: use.bytes)
        }
        return total
    }

    fileprivate func manifests(of tenant: Tenant, now: Int64) throws(BrokerError) -> [Registration] {
        var found: [Registration] = []
        for entry in try entries(.registration) {
            let registration = try Registration(stored: entry)
            if tenant.owns(namespace: registration.namespace), registration.refusal(now: now) == nil {
                found.append(registration)
            }
        }
        return found
    }
}

extension Tenant {
    /// Reads the stored form.
    init(stored entry: StoredEntry) throws(BrokerError) {
        do {
            try self.init(name: entry.name, body: try JSONValue.parse(entry.value))
        } catch {
            throw BrokerError(.failed, check: "storage", "a stored tenant cannot be read")
        }
    }

    fileprivate func requireRoom(_ what: String, _ wanted: Int, _ limit: Int64?) throws(BrokerError) {
        guard let limit, wanted > limit else { return }
        throw BrokerError(
            .quotaExceeded, check: "quota", "tenant \(name) would have \(wanted) \(what) and may have \(limit)")
    }

    /// The refusal of what is another one's.
    static func notYours(_ what: String) -> BrokerError {
        BrokerError(.adminDenied, check: "tenant", "Role \(AdministratorSettings.tenantRole) not allowed", note: what)
    }
}

extension StoreTransaction {
    /// Takes a namespace from its tenant. It must have no active manifests, whose guests would be the next owner's, and no keys;
    /// its authorities are forgotten.
    fileprivate mutating func giveUp(namespace: String, now: Int64) throws(BrokerError) {
        var manifests = 0
        for entry in try entries(.registration) {
            let registration = try Registration(stored: entry)
            if registration.namespace == namespace, registration.refusal(now: now) == nil { manifests += 1 }
        }
        let keys: Int
        do throws(KeyFailure) { keys = try NamespaceHoldings.keys(of: namespace, in: self) } catch {
            throw BrokerError(error)
        }
        guard manifests == 0, keys == 0 else {
            throw BrokerError(
                .conflict, check: "tenant",
                "namespace \(namespace) still has \(manifests) active manifests and \(keys) keys: retire and destroy them first"
            )
        }
        NamespaceHoldings.forgetAuthorities(of: namespace, in: &self)
        remove(EntryFamily.namespaceSince[namespace])
    }

    /// Refuses to give up a repository that has secrets, or policies that would decide on the next owner's.
    fileprivate func checkEmpty(_ repository: String) throws(BrokerError) {
        let count = try entries(.resource).count { $0.name.hasPrefix("\(repository)/") }
        guard count == 0 else {
            throw BrokerError(.conflict, check: "tenant", "repository \(repository) still has \(count) resources")
        }
        for entry in try entries(.resourcePolicy) {
            guard let policy = try? PathPolicy(id: entry.name, document: entry.value), policy.prefix.first == repository
            else { continue }
            throw BrokerError(
                .conflict, check: "tenant",
                "policy \(policy.id) still decides on repository \(repository); delete it first")
        }
    }
}
