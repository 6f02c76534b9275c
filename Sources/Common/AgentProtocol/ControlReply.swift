import WireFormat

/// Why the agent did not do what was asked.
public enum RefusalKind: Equatable, Sendable {
    /// The line was no request.
    case badRequest
    /// No manifest is latched yet.
    case notLatched
    /// Another manifest is latched already.
    case alreadyLatched
    /// The manifest does not allow the operation.
    case notAllowed
    /// The operation was begun and failed.
    case failure(FailureKind)

    /// The name on the wire.
    public var name: String {
        switch self {
        case .badRequest: "BadRequest"
        case .notLatched: "NotLatched"
        case .alreadyLatched: "AlreadyLatched"
        case .notAllowed: "NotAllowed"
        case .failure(let kind): kind.rawValue
        }
    }

    init(name: String) throws(WireError) {
        switch name {
        case "BadRequest": self = .badRequest
        case "NotLatched": self = .notLatched
        case "AlreadyLatched": self = .alreadyLatched
        case "NotAllowed": self = .notAllowed
        default:
            guard let kind = FailureKind(rawValue: name) else {
                throw WireError(field: "control reply.error.kind", reason: "'\(name.prefix(64))' is not known")
            }
            self = .failure(kind)
        }
    }
}

/// A refusal with its reason. In a cVM the reason of a failure is empty (R21): the tenant reads it elsewhere.
public struct ControlRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kind.
    public let kind: RefusalKind
    /// Text for people, at most 1024 bytes.
    public let reason: String

    /// Creates a refusal.
    public init(kind: RefusalKind, reason: String) {
        self.kind = kind
        self.reason = String(reason.prefix(1024))
    }

    /// Kind and reason.
    public var description: String { reason.isEmpty ? kind.name : "\(kind.name): \(reason)" }
}

/// The answer to one ``ControlRequest``: `{"id":n,"ok":{..}}` or `{"id":n,"error":{"kind":..,"reason":..}}`.
public struct ControlReply: Equatable, Sendable {
    /// The request's number.
    public let id: Int64
    /// What came of it.
    public let outcome: Result<JSONValue, ControlRefusal>

    /// Creates an answer.
    public init(id: Int64, outcome: Result<JSONValue, ControlRefusal>) {
        self.id = id
        self.outcome = outcome
    }

    /// Reads an answer out of a parsed line.
    public init(_ value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "control reply")
        self.id = try fields.integer("id")
        let success = fields.optionalValue("ok")
        let failure = fields.optionalValue("error")
        try fields.finish()
        switch (success, failure) {
        case (let value?, nil):
            self.outcome = .success(value)
        case (nil, let error?):
            var inner = try JSONFields(error, path: "control reply.error")
            let kind = try RefusalKind(name: try inner.string("kind"))
            let reason = try inner.optionalString("reason") ?? ""
            try inner.finish()
            self.outcome = .failure(ControlRefusal(kind: kind, reason: reason))
        default:
            throw WireError(field: "control reply", reason: "it must have either ok or error")
        }
    }

    /// The line to send, with its newline.
    public var line: [UInt8] {
        var object: [String: JSONValue] = ["id": .integer(id)]
        switch outcome {
        case .success(let value):
            object["ok"] = value
        case .failure(let refusal):
            object["error"] = .object(["kind": .string(refusal.kind.name), "reason": .string(refusal.reason)])
        }
        return JSONValue.object(object).canonicalBytes + [0x0a]
    }
}
