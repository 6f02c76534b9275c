import WireFormat

/// A refusal in the form Kubernetes clients understand: a `Status` object with a code and a reason.
public struct APIFault: Error, Equatable, Sendable {
    /// The HTTP status.
    public let code: Int
    /// The machine-readable reason, as apimachinery names them.
    public let reason: String
    /// What was wrong and, where it helps, what to do.
    public let message: String
    /// The name of the object, when the fault concerns one.
    public let name: String
    /// The field that is wrong and why, when it is one; kubectl prints these instead of the message.
    public let cause: Cause?

    /// What is wrong with one field.
    public struct Cause: Equatable, Sendable {
        /// The path of the field.
        public let field: String
        /// Why it is refused.
        public let message: String
    }

    /// Creates a refusal.
    public init(code: Int, reason: String, message: String, name: String = "", cause: Cause? = nil) {
        self.cause = cause
        self.code = code
        self.reason = reason
        self.message = message
        self.name = name
    }

    /// The object does not exist.
    public static func notFound(_ name: String, resource: String = "services.serving.knative.dev") -> APIFault {
        APIFault(code: 404, reason: "NotFound", message: "\(resource) \"\(name)\" not found", name: name)
    }

    /// The object exists already.
    public static func alreadyExists(_ name: String) -> APIFault {
        APIFault(
            code: 409, reason: "AlreadyExists", message: "services.serving.knative.dev \"\(name)\" already exists",
            name: name)
    }

    /// The object was changed by another client, or another manager owns the field.
    public static func conflict(_ name: String, _ why: String) -> APIFault {
        APIFault(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on services.serving.knative.dev \"\(name)\": \(why)", name: name)
    }

    /// The request's bytes are not what they claim to be.
    public static func badRequest(_ message: String) -> APIFault {
        APIFault(code: 400, reason: "BadRequest", message: message)
    }

    /// The object is well formed and not acceptable.
    public static func invalid(_ name: String, field: String, _ why: String) -> APIFault {
        APIFault(
            code: 422, reason: "Invalid",
            message: "Service.serving.knative.dev \"\(name)\" is invalid: \(field): \(why)", name: name,
            cause: Cause(field: field, message: why))
    }

    /// The `Status` object of this refusal.
    public var status: JSONValue {
        var details: [String: JSONValue] = [:]
        if !self.name.isEmpty {
            details = ["name": .string(self.name), "group": "serving.knative.dev", "kind": "services"]
        }
        if let cause = self.cause {
            details["causes"] = [
                [
                    "reason": "FieldValueInvalid", "field": .string(cause.field), "message": .string(cause.message),
                ]
            ]
        }
        return [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
            "message": .string(self.message), "reason": .string(self.reason), "code": .integer(Int64(self.code)),
            "details": .object(details),
        ]
    }
}
