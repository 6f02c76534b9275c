import Envelope
import KeyManagement
import WireFormat

extension KeyBroker {
    /// An attested guest does something with a key. The answer is encrypted to the key that its evidence has bound, all of it:
    /// who stole a cookie or a token has no use of it (rule R10).
    func useKey(_ request: BrokerRequest, _ values: [String]) async throws(BrokerError) -> BrokerResponse {
        var record = AuditRecord(kind: .key, allowed: false, check: "", reason: "")
        record.trace = request.trace
        record.resource = "kms/\(values.joined(separator: "/"))"
        record.tenant = await tenants.label(namespace: values.first)
        do throws(BrokerError) {
            let bearer = try await bearer(request)
            record.describe(bearer)
            guard let guest = bearer.guest else {
                throw BrokerError(
                    .policyDenied, check: "foreign-token", "keys are for guests that this broker appraised")
            }
            let registration = try await store.registration(guest.manifest)
            let refusal = GuestStanding.refusal(
                guest, registration: registration, reference: released.match(guest, for: registration),
                now: clock.seconds)
            if let refusal { throw BrokerError(.policyDenied, check: refusal.check, refusal.reason) }
            let isAsked = try await KeyReleasePolicy.policy(values, in: policies) != nil
            let caller = AttestedCaller(
                manifest: guest.manifest, claims: isAsked ? try await claims(of: bearer) : .object([:]))
            let call = try keyCall(values, by: .guest(caller))
            let answer = try await answer(call, request)
            let sealed = try Self.seal(SecretBytes(answer.canonicalBytes), to: bearer.encryptionKey)
            record.conclude("release", "sealed to the guest's key", allowed: true)
            try audit.append(record)
            return .json(sealed)
        } catch {
            try refuse(&record, error)
            throw error
        }
    }

    /// An administrator makes, shows, rotates or destroys a key, or does with it what shows no plaintext.
    func administerKeys(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest
    ) async throws(BrokerError) -> BrokerResponse {
        let administrator = KeyCaller.administrator(namespaces: nil)
        do throws(KeyFailure) {
            switch route {
            case .listKeys:
                _ = try Self.keyName(values + ["any"])
                let listed = try await keys.list(values[0], by: administrator)
                return .json(.array(listed.map { $0.json(now: clock.seconds) }))
            case .describeKey: return listed(try await keys.describe(try Self.keyName(values), by: administrator))
            case .createKey:
                return listed(try await create(try Self.keyName(values), request.body, by: administrator))
            case .destroyKey:
                guard let version = UInt32(values[2]) else {
                    throw KeyFailure(.malformed, "version", "must be the number of a version")
                }
                return listed(
                    try await keys.destroy(
                        try Self.keyName(values), version: version, includingNewest: request.query["newest"] == "true",
                        by: administrator))
            default:
                let name = try Self.keyName(values)
                switch values[2] {
                case "rotate": return listed(try await rotate(name, request.body, by: administrator))
                case "deactivate":
                    var fields = try KeyManagementCall.fields(request.body)
                    let version = try KeyManagementCall.version(&fields)
                    return listed(try await keys.deactivate(name, version: version, by: administrator))
                default:
                    guard let operation = KeyOperation(rawValue: values[2]) else {
                        throw KeyFailure(.notFound, "operation", "keys have no such operation")
                    }
                    let call = KeyManagementCall(keys: keys, name: name, operation: operation, caller: administrator)
                    return .json(try await call.answer(request.body))
                }
            }
        } catch {
            throw BrokerError(error)
        }
    }

    private func listed(_ record: KeyRecord) -> BrokerResponse { .json(record.json(now: clock.seconds)) }

    private func keyCall(_ values: [String], by caller: KeyCaller) throws(BrokerError) -> KeyManagementCall {
        do throws(KeyFailure) {
            guard let operation = KeyOperation(rawValue: values[2]) else {
                throw KeyFailure(.notFound, "operation", "keys have no such operation")
            }
            return KeyManagementCall(
                keys: keys, name: try Self.keyName(values), operation: operation, caller: caller)
        } catch {
            throw BrokerError(error)
        }
    }

    private func answer(_ call: KeyManagementCall, _ request: BrokerRequest) async throws(BrokerError) -> JSONValue {
        do throws(KeyFailure) {
            return try await call.answer(request.body)
        } catch {
            throw BrokerError(error)
        }
    }

    private static func keyName(_ values: [String]) throws(KeyFailure) -> KeyName {
        do {
            return try KeyName(namespace: values[0], name: values[1])
        } catch {
            throw KeyFailure(.notFound, error.field, error.reason)
        }
    }

    private func create(
        _ name: KeyName, _ body: [UInt8], by administrator: KeyCaller
    ) async throws(KeyFailure) -> KeyRecord {
        try await KeyFailure.wrapping {
            var fields = try KeyManagementCall.fields(body)
            guard let kind = KeyKind(rawValue: try fields.string("kind")) else {
                throw fields.refusal(
                    "kind", "must be one of \(KeyKind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            var operations: Set<KeyOperation>?
            if let texts = fields.optionalValue("operations")?.arrayValue {
                operations = []
                for text in texts {
                    guard let operation = text.stringValue.flatMap(KeyOperation.init(rawValue:)) else {
                        throw fields.refusal("operations", "has an unknown one")
                    }
                    operations?.insert(operation)
                }
            }
            let description = KeyDescription(
                kind: kind, operations: operations, isExportable: try fields.bool("exportable", default: false),
                overlap: try fields.optionalInteger("overlap") ?? KeyStore.defaultOverlap,
                notAfter: try fields.optionalInteger("notAfter"))
            let source = try Self.source(&fields, name)
            try fields.finish()
            return try await keys.create(name, description, from: source, by: administrator)
        }
    }

    private func rotate(
        _ name: KeyName, _ body: [UInt8], by administrator: KeyCaller
    ) async throws(KeyFailure) -> KeyRecord {
        try await KeyFailure.wrapping {
            var fields = try KeyManagementCall.fields(body)
            let (activates, notAfter) = (
                try fields.optionalInteger("activates"), try fields.optionalInteger("notAfter")
            )
            let overlap = try fields.optionalInteger("overlap")
            let source = try Self.source(&fields, name)
            try fields.finish()
            return try await keys.rotate(
                name, from: source, activates: activates, notAfter: notAfter, overlap: overlap, by: administrator)
        }
    }

    /// `material`: `{"raw": …}`, `{"jwk": …}` or `{"wrapped": …, "by": …}`; without it the material is made here.
    private static func source(_ fields: inout JSONFields, _ name: KeyName) throws(WireError) -> KeySource {
        guard var material = try fields.optionalFields("material") else { return .generated }
        let source: KeySource
        if let jwk = material.optionalValue("jwk") {
            source = .jwk(jwk)
        } else if let text = try material.optionalString("raw") {
            source = .raw(SecretBytes(try Base64.decode(text, field: "material.raw")))
        } else {
            let wrapped = try Base64.decode(try material.string("wrapped"), field: "material.wrapped")
            let by = try material.string("by")
            source = .wrapped(wrapped, by: try KeyName(namespace: name.namespace, name: by))
        }
        try material.finish()
        return source
    }
}
