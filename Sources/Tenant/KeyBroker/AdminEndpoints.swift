import Envelope
import Foundation
import WireFormat

extension KeyBroker {
    /// Answers an administrator's call. Credentials are checked before the path is looked at, and each call of an
    /// administrator leaves one audit line, refused or not.
    func administer(_ request: BrokerRequest, _ path: [String]) async throws(BrokerError) -> BrokerResponse {
        var record = AuditRecord(kind: .admin, allowed: false, check: "", reason: "")
        record.resource = "\(request.method) \(path.joined(separator: "/"))"
        do throws(BrokerError) {
            guard Self.isAdministrative(path) else { throw KeyBroker.unknownPath }
            record.subject = try gate.admit(request.authorization)
            let response =
                path.first == "reference-value"
                ? try await administerReferenceValues(
                    request, Array(path.dropFirst()), administrator: record.subject)
                : try await perform(request, path)
            record.conclude("admin", "done", allowed: true)
            try audit.append(record)
            return response
        } catch {
            if error.kind == .adminAccess { metrics.count(.adminRefusals) }
            if error != KeyBroker.unknownPath {
                record.conclude(error.check, error.detail, allowed: false)
                if error.kind == .adminAccess {
                    try audit.appendRefusal(ofStranger: record)
                } else {
                    try audit.append(record)
                }
            }
            throw error
        }
    }

    private static func isAdministrative(_ path: [String]) -> Bool {
        switch path.first {
        case "resource": path.count == 1 || path.count == 4
        case "reference-value": true
        case "testudo":
            switch path.dropFirst().first {
            case "manifests", "reference-values": path.count == 2 || path.count == 3
            case "audit", "log-keys", "token-key": path.count == 2
            case "keys": path.count == 5
            default: false
            }
        default: false
        }
    }

    private func perform(_ request: BrokerRequest, _ path: [String]) async throws(BrokerError) -> BrokerResponse {
        let tail = Array(path.dropFirst(path.first == "testudo" ? 2 : 1))
        switch (request.method, path.first == "testudo" ? path[1] : path[0], tail.count) {
        case ("GET", "resource", 0): return .json(try await listResources())
        case ("POST", "resource", 3):
            metrics.count(.resourceWrites)
            let name = try Self.resourcePath(tail)
            guard !request.body.isEmpty else {
                throw BrokerError(.malformed, check: "resource", "a resource cannot be empty")
            }
            try await store.putResource(name, SecretBytes(request.body))
            return .empty
        case ("POST", "token-key", 0): return .json(["kid": .string(try await tokens.rotate())])
        case ("DELETE", "resource", 3):
            metrics.count(.resourceDeletes)
            guard try await store.deleteResource(try Self.resourcePath(tail)) else {
                throw BrokerError(.notFound, check: "resource", "the resource does not exist")
            }
            return .empty
        case ("POST", "keys", 3): return try await makeKey(request.body, try Self.resourcePath(tail))
        case ("GET", "manifests", 0):
            return .json(.array(try await store.registrations().map { Self.listed($0) }))
        case ("GET", "manifests", 1):
            guard let found = try await store.registration(tail[0]) else { throw Self.unregistered }
            return .json(Self.listed(found))
        case ("PUT", "manifests", 1): return try await register(request.body, tail[0])
        case ("DELETE", "manifests", 1):
            guard try await store.retireRegistration(tail[0]) else { throw Self.unregistered }
            return .empty
        case ("PUT", "reference-values", 0):
            let text = String(decoding: request.body, as: UTF8.self)
            let count = try await released.install(
                String(text.split(whereSeparator: \.isWhitespace).first ?? ""),
                allowsRollback: request.query["allow-rollback"] == "true")
            return .json(["values": .integer(Int64(count))])
        case ("GET", "reference-values", 0): return .json(released.json)
        case ("DELETE", "reference-values", 1):
            guard try await released.remove(tail[0].removingPercentEncoding ?? "") else {
                throw BrokerError(.notFound, check: "reference-values", "this version of the guest is not published")
            }
            return .empty
        case ("GET", "audit", 0): return try auditLines(request.query)
        case ("GET", "log-keys", 0): return .json(try await logKeys(request.query["service"] ?? ""))
        default: throw KeyBroker.unknownPath
        }
    }

    private func listResources() async throws(BrokerError) -> JSONValue {
        .array(
            try await store.resources().map {
                .object(["path": .string($0.path), "version": .integer($0.version)])
            })
    }

    /// Makes a key under a name that is free; an existing key is never replaced, since images depend on it.
    private func makeKey(_ body: [UInt8], _ path: ResourcePath) async throws(BrokerError) -> BrokerResponse {
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
        let (secret, publicPEM) = try recipe.make()
        guard try await store.createResource(path, secret) else {
            throw BrokerError(.conflict, check: "key", "there is a resource under this path already")
        }
        return .json(["kind": .string(recipe.rawValue), "publicKey": .string(publicPEM)])
    }

    private func register(_ body: [UInt8], _ digest: String) async throws(BrokerError) -> BrokerResponse {
        do {
            let value = try JSONValue.parse(body)
            let registration = try Registration(digest: digest, body: value, now: clock.seconds)
            try await store.putRegistration(registration)
            return .json(Self.listed(registration))
        } catch let error as WireError {
            throw BrokerError(.malformed, check: "registration", "\(error.field): \(error.reason)")
        } catch let error as BrokerError {
            throw error
        } catch {
            throw BrokerError(.failed, check: "registration", "the registration failed")
        }
    }

    private func auditLines(_ query: [String: String]) throws(BrokerError) -> BrokerResponse {
        guard let start = Timestamp.seconds(parsing: query["since"] ?? "0") else {
            throw BrokerError(.malformed, check: "audit", "since must be seconds since 1970 or an RFC 3339 time")
        }
        guard let last = Int(query["last"] ?? "\(Int.max)"), last > 0 else {
            throw BrokerError(.malformed, check: "audit", "last must be a number of lines")
        }
        return BrokerResponse(contentType: "application/jsonl", body: audit.lines(since: start, last: last))
    }

    private static func listed(_ registration: Registration) -> JSONValue {
        var members = registration.json.objectValue ?? [:]
        members["digest"] = .string(registration.digest)
        return .object(members)
    }

    private static let unregistered = BrokerError(.notFound, check: "manifest", "the manifest is not registered")
}
