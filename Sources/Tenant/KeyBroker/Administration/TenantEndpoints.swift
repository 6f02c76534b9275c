import Envelope
import Verifier
import WireFormat

/// Calls about tenants, and the calls of their own administrators.
extension KeyBroker {
    /// Checks who calls as an administrator: a tenant's, or the broker's own.
    func admit(_ request: BrokerRequest) async throws(BrokerError) -> Administrator {
        if let name = AdminGate.claimedTenant(request.authorization), let tenant = try await store.tenant(name) {
            return try gate.admit(request.authorization, for: tenant)
        }
        return try gate.admit(request)
    }

    /// How large a body may be, which is known before it is read: a stranger's is small, and only an administrator's may be as large
    /// as a resource.
    func bodyLimit(_ request: BrokerRequest) async -> Int {
        guard case .route(let route, _) = BrokerRoute.resolve(method: request.method, path: request.path) else {
            return BrokerServer.strangerLimit
        }
        switch route {
        case .openSession: return BrokerServer.strangerLimit
        case .attest: return BrokerServer.bodyLimit
        case .putResource where (try? await admit(request)) != nil: return BrokerServer.uploadLimit
        default: return request.authorization == nil ? BrokerServer.strangerLimit : BrokerServer.bodyLimit
        }
    }

    /// The tenant whom a call is about: also what administrators of the broker do to its secrets is its business.
    func concerned(_ caller: Administrator, _ route: BrokerRoute, _ values: [String]) async -> String {
        if let tenant = caller.tenant { return tenant.name }
        switch route {
        case .putResource, .deleteResource, .resourceVersions, .makeKey:
            return await tenants.label(try? Self.resourcePath(values))
        case .listKeys, .describeKey, .createKey, .manageKey, .destroyKey, .establishAuthority, .listLeaves,
            .revokeLeaves:
            return await tenants.label(namespace: values[0])
        case .putTenant, .deleteTenant: return values[0]
        default: return ""
        }
    }

    /// Answers a call about tenants, of an administrator of the broker.
    func administerTenants(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest
    ) async throws(BrokerError) -> BrokerResponse {
        switch route {
        case .listTenants:
            var list: [JSONValue] = []
            for tenant in try await store.tenants() { list.append(try await listed(tenant)) }
            return .json(.array(list))
        case .tenant:
            guard let tenant = try await store.tenant(values[0]) else { throw Self.noTenant }
            return .json(try await listed(tenant))
        case .putTenant:
            let tenant = try Handshake.parse("tenant") { () throws(WireError) in
                try Tenant(name: values[0], body: try JSONValue.parse(request.body))
            }
            try await store.putTenant(tenant, ifMatch: request.query["if-match"], now: clock.seconds)
            try await tenants.reload()
            return .json(try await listed(tenant))
        case .deleteTenant:
            guard try await store.deleteTenant(values[0], now: clock.seconds) else { throw Self.noTenant }
            try await tenants.reload()
            return .empty
        default: throw Self.unknownPath
        }
    }

    /// Answers a call of a tenant's administrator. What is not named here is refused, also what is added to the broker later.
    func perform(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest, for tenant: Tenant
    ) async throws(BrokerError) -> BrokerResponse {
        switch route {
        case .listResources:
            let own = try await listResources().arrayValue?.filter { entry in
                let path = entry["path"]?.stringValue.flatMap { try? ResourcePath(parsing: $0) }
                return path.map(tenant.owns) ?? false
            }
            return .json(.array(own ?? []))
        case .putResource:
            return try await putResource(try ownPath(values, tenant), request, for: tenant.name)
        case .makeKey: return try await makeKey(request.body, try ownPath(values, tenant), for: tenant.name)
        case .resourceVersions, .deleteResource:
            _ = try ownPath(values, tenant)
            return try await perform(route, values, request, administrator: tenant.name)
        case .listManifests, .manifest, .registerManifest, .retireManifest:
            return try await performOnManifests(route, values, request, for: tenant)
        case .listPolicies, .listPolicyNames, .policy, .putPolicy, .deletePolicy:
            return try await performOnPolicies(route, values, request, for: tenant)
        case .explain:
            let path = (try? JSONValue.parse(request.body))?["resource"]?.stringValue
            guard let path = path.flatMap({ try? ResourcePath(parsing: $0) }), tenant.owns(path) else {
                throw Tenant.notYours("the resource")
            }
            return try await explain(request.body, for: tenant)
        case .audit: return try await auditLines(request.query, tenant: tenant.name)
        case .logKeys:
            let service = request.query["service"] ?? ""
            guard let namespace = service.split(separator: "/").first, tenant.owns(namespace: String(namespace)) else {
                throw Tenant.notYours("service \(ShownText.cut(service, bytes: 128))")
            }
            return .json(try await logKeys(service, isForTenant: true))
        default: throw AdminGate.notAllowed(AdministratorSettings.tenantRole, note: route.rawValue)
        }
    }

    private func performOnManifests(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest, for tenant: Tenant
    ) async throws(BrokerError) -> BrokerResponse {
        switch route {
        case .listManifests:
            let own = try await store.registrations().filter { tenant.owns(namespace: $0.namespace) }
            return .json(.array(own.map { Self.listed($0) }))
        case .manifest:
            guard let found = try await store.registration(values[0]), tenant.owns(namespace: found.namespace) else {
                throw Self.unregistered
            }
            return .json(Self.listed(found))
        case .registerManifest: return try await register(request.body, values[0], for: tenant.name)
        case .retireManifest:
            guard try await store.retireRegistration(values[0], for: tenant) else { throw Self.unregistered }
            try await revokeLeaves(ofManifest: values[0])
            return .empty
        default: throw Self.unknownPath
        }
    }

    private func performOnPolicies(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest, for tenant: Tenant
    ) async throws(BrokerError) -> BrokerResponse {
        let own = try await policies.all().filter { tenant.owns(prefix: $0.prefix) }
        switch route {
        case .listPolicies: return .json(.array(own.map { Self.listed($0) }))
        case .listPolicyNames: return .json(.array(own.map { .string($0.id) }))
        case .policy:
            guard own.contains(where: { $0.id == values[0] }) else { throw Self.noPolicy }
            return try await administerPolicies(route, values, request)
        case .putPolicy: return try await setPolicy(values[0], request.body, for: tenant)
        case .deletePolicy:
            guard try await policies.remove(values[0], for: tenant) else { throw Self.noPolicy }
            return .empty
        default: throw Self.unknownPath
        }
    }

    private func ownPath(_ values: [String], _ tenant: Tenant) throws(BrokerError) -> ResourcePath {
        let path = try Self.resourcePath(values)
        guard tenant.owns(path) else { throw Tenant.notYours("repository \(path.repository)") }
        return path
    }

    private func listed(_ tenant: Tenant) async throws(BrokerError) -> JSONValue {
        var members = tenant.json.objectValue ?? [:]
        members["name"] = .string(tenant.name)
        members["etag"] = .string(tenant.etag)
        members["use"] = try await store.use(of: tenant, now: clock.seconds)
        return .object(members)
    }

    private static let noTenant = BrokerError(.notFound, check: "tenant", "there is no tenant of this name")
}
