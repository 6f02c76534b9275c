import Envelope
import KeyManagement
import WireFormat

/// One operation with a key, as a call asks for it: bytes are in base64, answers too.
struct KeyManagementCall: Sendable {
    let keys: KeyStore
    let name: KeyName
    let operation: KeyOperation
    let caller: KeyCaller

    /// Does it; the answer has what the operation made and, where it matters, the version that made it.
    func answer(_ body: [UInt8]) async throws(KeyFailure) -> JSONValue {
        try await KeyFailure.wrapping {
            var fields = try Self.fields(body)
            let answer = try await perform(&fields)
            return .object(answer.mapValues { $0 })
        }
    }

    /// The members of a body; an empty one has none.
    static func fields(_ body: [UInt8]) throws(KeyFailure) -> JSONFields {
        let value: JSONValue
        do {
            value = body.isEmpty ? .object([:]) : try JSONValue.parse(body)
        } catch {
            throw KeyFailure(.malformed, "body", "is not JSON")
        }
        do {
            return try JSONFields(value, path: "")
        } catch {
            throw KeyFailure(error)
        }
    }

    private func perform(_ fields: inout JSONFields) async throws -> [String: JSONValue] {
        switch operation {
        case .encrypt:
            let (plaintext, associated) = (
                try Self.secret(&fields, "plaintext"), try Self.optional(&fields, "associated")
            )
            try fields.finish()
            return [
                "ciphertext": Self.text(
                    try await keys.encrypt(plaintext, with: name, associated: associated, by: caller))
            ]
        case .decrypt:
            let (ciphertext, associated) = (
                try Self.bytes(&fields, "ciphertext"), try Self.optional(&fields, "associated")
            )
            try fields.finish()
            return [
                "plaintext": Self.text(
                    try await keys.decrypt(ciphertext, with: name, associated: associated, by: caller))
            ]
        case .rewrap:
            let (ciphertext, associated) = (
                try Self.bytes(&fields, "ciphertext"), try Self.optional(&fields, "associated")
            )
            try fields.finish()
            return [
                "ciphertext": Self.text(
                    try await keys.rewrap(ciphertext, with: name, associated: associated, by: caller))
            ]
        case .wrap:
            let plaintext = try Self.secret(&fields, "plaintext")
            try fields.finish()
            return ["ciphertext": Self.text(try await keys.wrap(plaintext, with: name, by: caller))]
        case .unwrap:
            let ciphertext = try Self.bytes(&fields, "ciphertext")
            try fields.finish()
            return ["plaintext": Self.text(try await keys.unwrap(ciphertext, with: name, by: caller))]
        case .sign:
            let message = try Self.bytes(&fields, "message")
            try fields.finish()
            let made = try await keys.sign(message, with: name, by: caller)
            return ["signature": Self.text(made.value), "version": .integer(Int64(made.version))]
        case .mac:
            let message = try Self.bytes(&fields, "message")
            try fields.finish()
            let made = try await keys.mac(message, with: name, by: caller)
            return ["mac": Self.text(made.value), "version": .integer(Int64(made.version))]
        case .verify, .verifyMAC: return try await check(&fields)
        case .derive, .publicKey, .export: return try await deliver(&fields)
        }
    }

    private func check(_ fields: inout JSONFields) async throws -> [String: JSONValue] {
        let isMAC = operation == .verifyMAC
        let message = try Self.bytes(&fields, "message")
        let proof = try Self.bytes(&fields, isMAC ? "mac" : "signature")
        let version = try Self.version(&fields)
        try fields.finish()
        let isValid =
            isMAC
            ? try await keys.verifyMAC(proof, of: message, with: name, version: version, by: caller)
            : try await keys.verify(proof, of: message, with: name, version: version, by: caller)
        return ["valid": .bool(isValid)]
    }

    private func deliver(_ fields: inout JSONFields) async throws -> [String: JSONValue] {
        let version = try fields.optionalInteger("version").map { try Self.version($0) }
        switch operation {
        case .derive:
            let context = try Self.bytes(&fields, "context")
            let count = try fields.integer("bytes", in: 16...64)
            try fields.finish()
            let made = try await keys.derive(context, bytes: count, with: name, version: version, by: caller)
            return ["key": Self.text(made.value), "version": .integer(Int64(made.version))]
        case .publicKey:
            try fields.finish()
            let shown = try await keys.publicKey(name, version: version, by: caller)
            return ["jwk": shown.jwk(name: name), "version": .integer(Int64(shown.version))]
        default:
            try fields.finish()
            let made = try await keys.export(name, version: version, by: caller)
            return ["key": Self.text(made.value), "version": .integer(Int64(made.version))]
        }
    }

    static func version(_ fields: inout JSONFields) throws(KeyFailure) -> UInt32 {
        do throws(WireError) {
            return UInt32(try fields.integer("version", in: 1...Int(UInt32.max)))
        } catch {
            throw KeyFailure(error)
        }
    }

    private static func version(_ number: Int64) throws(KeyFailure) -> UInt32 {
        guard let version = UInt32(exactly: number), version > 0 else {
            throw KeyFailure(.malformed, "version", "must be the number of a version, from 1")
        }
        return version
    }

    static func bytes(_ fields: inout JSONFields, _ field: String) throws(WireError) -> [UInt8] {
        try Base64.decode(try fields.string(field), field: field)
    }

    private static func secret(_ fields: inout JSONFields, _ field: String) throws(WireError) -> SecretBytes {
        SecretBytes(try bytes(&fields, field))
    }

    private static func optional(_ fields: inout JSONFields, _ field: String) throws(WireError) -> [UInt8] {
        guard let text = try fields.optionalString(field) else { return [] }
        return try Base64.decode(text, field: field)
    }

    private static func text(_ bytes: [UInt8]) -> JSONValue { .string(Base64.encode(bytes)) }
    private static func text(_ secret: SecretBytes) -> JSONValue { .string(Base64.encode(secret.copyBytes())) }
}

extension BrokerError {
    /// What a client is told of a failure in the key management.
    init(_ failure: KeyFailure) {
        switch failure.kind {
        // The field may be a name that the caller made up; checks are words that audit lines are counted by.
        case .malformed, .refused: self.init(.malformed, check: "kms-body", failure.description)
        case .denied: self.init(.policyDenied, check: failure.field, failure.reason)
        case .notFound: self.init(.notFound, check: failure.field, failure.reason)
        case .conflict: self.init(.conflict, check: failure.field, failure.reason)
        case .store: self.init(.unavailable, check: "storage", "the store cannot be used now", note: failure.reason)
        case .failed: self.init(.failed, check: failure.field, failure.description)
        }
    }
}
