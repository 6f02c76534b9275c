import Envelope
import Foundation
import WireFormat

extension KeyBroker {
    /// Answers an administrator's call. Each call of an administrator leaves one audit line, refused or not.
    func administer(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest
    ) async throws(BrokerError) -> BrokerResponse {
        var record = AuditRecord(kind: .admin, allowed: false, check: "", reason: "")
        record.trace = request.trace
        record.certificate = request.clientCertificate
        record.resource = "\(request.method) \(request.path.dropFirst(2).joined(separator: "/"))"
        do throws(BrokerError) {
            let caller = try await admit(request)
            record.subject = caller.name
            record.tenant = await concerned(caller, route, values)
            if let tenant = caller.tenant { try limits.admit(tenant: tenant.name) }
            try Self.checkQuery(route, request)
            let response: BrokerResponse
            if let tenant = caller.tenant {
                response = try await perform(route, values, request, for: tenant)
            } else {
                response = try await perform(route, values, request, administrator: record.subject)
            }
            record.conclude("admin", "done", allowed: true)
            try audit.append(record)
            return response
        } catch {
            if error.isOfAdministrators { metrics.count(.adminRefusals) }
            if error != KeyBroker.unknownPath {
                record.conclude(error.check, error.detail, allowed: false)
                switch error.kind {
                case .adminAccess: try audit.appendRefusal(ofStranger: record)
                // Whose credentials are good is no stranger, and none of them takes his lines.
                case .adminDenied where record.tenant.isEmpty: try audit.appendRefusal(ofAdministrator: record)
                case .tooMany: try audit.appendRefusal(ofAdministrator: record)
                default: try audit.append(record)
                }
            }
            throw error
        }
    }

    func perform(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest, administrator: String
    ) async throws(BrokerError) -> BrokerResponse {
        switch route {
        case .listResources: return .json(try await listResources())
        case .putResource: return try await putResource(try Self.resourcePath(values), request)
        case .resourceVersions:
            guard let found = try await store.storedResource(try Self.resourcePath(values)) else {
                throw Self.noResource
            }
            return .json(["versions": .array(found.versions.map(\.json))])
        case .deleteResource:
            metrics.count(.resourceDeletes)
            let (path, version) = (try Self.resourcePath(values), try Self.version(request.query))
            guard try await store.deleteResource(path, version: version) else {
                guard let version, try await store.storedResource(path) != nil else { throw Self.noResource }
                throw BrokerError(.notFound, check: "resource", "the resource has no version \(version)")
            }
            return .empty
        case .makeKey: return try await makeKey(request.body, try Self.resourcePath(values))
        case .rotateTokenKey: return .json(["kid": .string(try await tokens.rotate())])
        case .rotateCookieKey:
            try await rotateCookieKey()
            return .empty
        case .listReferenceValues: return .json(listedReferenceValues)
        case .takeReferenceValues: return try await takeReferenceValues(request.body, administrator)
        case .referenceValue: return .json(try referenceValue(values))
        case .deleteReferenceValue:
            try await deleteReferenceValue(values)
            return .empty
        case .listReleases: return .json(released.json)
        case .publishRelease:
            let text = String(decoding: request.body, as: UTF8.self)
            let count = try await released.install(
                String(text.split(whereSeparator: \.isWhitespace).first ?? ""),
                allowsRollback: request.query["allow-rollback"] == "true")
            return .json(["values": .integer(Int64(count))])
        case .withdrawRelease:
            guard try await released.remove(values[0].removingPercentEncoding ?? "") else {
                throw BrokerError(.notFound, check: "reference-values", "this version of the guest is not published")
            }
            return .empty
        case .listManifests: return .json(.array(try await store.registrations().map { Self.listed($0) }))
        case .manifest:
            guard let found = try await store.registration(values[0]) else { throw Self.unregistered }
            return .json(Self.listed(found))
        case .registerManifest: return try await register(request.body, values[0])
        case .retireManifest:
            guard try await store.retireRegistration(values[0]) else { throw Self.unregistered }
            try await revokeLeaves(ofManifest: values[0])
            return .empty
        case .listTenants, .tenant, .putTenant, .deleteTenant:
            return try await administerTenants(route, values, request)
        case .listRevocations, .revoke, .reinstate:
            return try await administerRevocations(route, values, request, administrator: administrator)
        case .auditHead:
            try await noteAuditHead()
            return .json(try await auditHeads())
        case .audit: return try await auditLines(request.query)
        case .logKeys: return .json(try await logKeys(request.query["service"] ?? ""))
        case .listKeys, .describeKey, .createKey, .manageKey, .destroyKey:
            return try await administerKeys(route, values, request)
        case .establishAuthority, .listLeaves, .revokeLeaves:
            return try await administerAuthorities(route, values, request)
        case .setGlobalPolicy, .listPolicyNames, .listPolicies, .policy, .putPolicy, .deletePolicy, .explain:
            return try await administerPolicies(route, values, request)
        case .setAttestationPolicy, .listAttestationPolicies, .attestationPolicy, .deleteAttestationPolicy:
            return try await administerAttestationPolicies(route, values, request)
        case .health, .readiness, .metrics, .tokenKeys, .standing, .authority, .openSession, .attest, .resource,
            .certificate, .useKey, .issuingAuthority, .revocationList:
            throw KeyBroker.unknownPath
        }
    }

    func putResource(
        _ name: ResourcePath, _ request: BrokerRequest, for tenant: String? = nil
    ) async throws(BrokerError) -> BrokerResponse {
        metrics.count(.resourceWrites)
        guard !request.body.isEmpty else {
            throw BrokerError(.malformed, check: "resource", "a resource cannot be empty")
        }
        try await store.putResource(
            name, SecretBytes(request.body), expires: try Self.expiry(request.query), for: tenant, now: clock.seconds)
        // As clients of the protocol know it.
        return .empty
    }

    func listResources() async throws(BrokerError) -> JSONValue {
        .array(
            try await store.resources().map { resource in
                var members = resource.versions.last?.json.objectValue ?? [:]
                members["path"] = .string(resource.path)
                return .object(members)
            })
    }

    /// Refuses a parameter that a change does not know: one that is misspelt would change something else.
    private static func checkQuery(_ route: BrokerRoute, _ request: BrokerRequest) throws(BrokerError) {
        guard request.method != "GET" else { return }
        let known: Set<String> =
            switch route {
            case .putResource: ["expires"]
            case .deleteResource: ["version"]
            case .publishRelease: ["allow-rollback"]
            case .destroyKey: ["newest"]
            case .putTenant: ["if-match"]
            default: []
            }
        guard let unknown = request.query.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw BrokerError(
            .malformed, check: "query", "\(ShownText.cut(unknown, bytes: 64)) is no parameter of this call")
    }

    private static let noResource = BrokerError(.notFound, check: "resource", "the resource does not exist")

    /// The number in `?version=`; nil when there is none.
    static func version(_ query: [String: String]) throws(BrokerError) -> Int64? {
        guard let text = query["version"] else { return nil }
        guard let number = Int64(text), number > 0 else {
            throw BrokerError(.malformed, check: "version", "version must be the number of a version, from 1")
        }
        return number
    }

    private static func expiry(_ query: [String: String]) throws(BrokerError) -> Int64? {
        guard let text = query["expires"] else { return nil }
        guard let seconds = Timestamp.seconds(parsing: text), seconds > 0 else {
            throw BrokerError(.malformed, check: "expires", "expires must be seconds since 1970 or an RFC 3339 time")
        }
        return seconds
    }

    /// Makes a key under a name that is free; an existing key is never replaced, since images depend on it.
    func makeKey(
        _ body: [UInt8], _ path: ResourcePath, for tenant: String? = nil
    ) async throws(BrokerError) -> BrokerResponse {
        let recipe: KeyRecipe
        do {
            var fields = try JSONFields(try JSONValue.parse(body), path: "key")
            let kind = try fields.string("kind")
            try fields.finish()
            guard let found = KeyRecipe(rawValue: kind) else {
                throw WireError(field: "kind", reason: "must be p256, rsa3072 or symmetric")
            }
            recipe = found
        } catch let error as WireError {
            throw BrokerError(.malformed, check: "key", "\(error.field): \(error.reason)")
        } catch {
            throw BrokerError(.malformed, check: "key", "not understood")
        }
        let (secret, publicPEM) = try await makings.run(owner: tenant ?? "", caller: "keys") {
            () throws(BrokerError) in try recipe.make()
        }
        guard try await store.putResource(path, secret, onlyNew: true, for: tenant, now: clock.seconds) != nil
        else {
            throw BrokerError(.conflict, check: "key", "there is a resource under this path already")
        }
        return .json(["kind": .string(recipe.rawValue), "publicKey": .string(publicPEM)])
    }

    func register(
        _ body: [UInt8], _ digest: String, for tenant: String? = nil
    ) async throws(BrokerError) -> BrokerResponse {
        do {
            let value = try JSONValue.parse(body)
            let registration = try Registration(digest: digest, body: value, now: clock.seconds)
            if let tenant {
                try await store.putRegistration(registration, for: tenant, now: clock.seconds)
            } else {
                try await store.putRegistration(registration)
            }
            try await readmitLeaves(registration)
            return .json(Self.listed(registration))
        } catch let error as WireError {
            throw BrokerError(.malformed, check: "registration", "\(error.field): \(error.reason)")
        } catch let error as BrokerError {
            throw error
        } catch {
            throw BrokerError(.failed, check: "registration", "the registration failed")
        }
    }

    func auditLines(_ query: [String: String], tenant: String? = nil) async throws(BrokerError) -> BrokerResponse {
        guard let start = Timestamp.seconds(parsing: query["since"] ?? "0") else {
            throw BrokerError(.malformed, check: "audit", "since must be seconds since 1970 or an RFC 3339 time")
        }
        guard let last = Int(query["last"] ?? "\(Int.max)"), last > 0 else {
            throw BrokerError(.malformed, check: "audit", "last must be a number of lines")
        }
        let lines = try await searches.run(owner: tenant ?? "", caller: "") { () throws(BrokerError) in
            audit.lines(since: start, last: last, tenant: tenant)
        }
        return BrokerResponse(contentType: "application/jsonl", body: lines)
    }

    static func listed(_ registration: Registration) -> JSONValue {
        var members = registration.json.objectValue ?? [:]
        members["digest"] = .string(registration.digest)
        return .object(members)
    }

    static let unregistered = BrokerError(.notFound, check: "manifest", "the manifest is not registered")
}
