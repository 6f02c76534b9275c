/// A refusal or a failure of the key broker, as its HTTP clients see it.
///
/// ``kind`` is the name that KBS clients parse, ``check`` names the rule that decided and goes to the audit log only.
/// Neither text ever holds a secret, a token or the cause's own text.
public struct BrokerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The names of section 1.8 of the KBS protocol, each with the HTTP status that tells a client what to do next.
    public enum Kind: String, Sendable, CaseIterable {
        /// Evidence, nonce or session was not accepted; attesting again may help.
        case attestation = "AttestationError"
        /// An administrator's credentials were missing or wrong.
        case adminAccess = "AdminAuthAccess"
        /// An administrator's credentials are good, and the call is not one of his.
        case adminDenied = "AdminAuthDenied"
        /// No session and no token came with the request.
        case tokenMissing = "TokenNotFound"
        /// The token is not ours, expired or malformed.
        case tokenInvalid = "TokenVerifierError"
        /// The policy says no; attesting again does not help.
        case policyDenied = "PolicyDeny"
        /// The path names nothing that this server has.
        case notFound = "InvalidRequestPath"
        /// The path is known, the method is not one of its own.
        case otherMethod = "MethodNotAllowed"
        /// The body or a parameter could not be understood.
        case malformed = "SerdeError"
        /// A policy that an administrator sent does not compile.
        case policyUnusable = "ParsePolicyError"
        /// There is no reference value by this name, or it does not hold now.
        case referenceValue = "RvpsError"
        /// The name is taken.
        case conflict = "ResourceExists"
        /// The tenant would have more than it may.
        case quotaExceeded = "QuotaExceeded"
        /// The body is larger than the limit.
        case tooLarge = "PayloadTooLarge"
        /// The caller's address calls too often.
        case tooMany = "TooManyRequests"
        /// The store cannot be reached, or a moment is needed; trying again helps.
        case unavailable = "StorageBackendUnavailable"
        /// The broker itself failed.
        case failed = "PluginInternalError"
        /// The resource could not be encrypted to the guest's key.
        case sealing = "JweError"

        /// The name that goes out. Clients know one for all that administrators are refused for; the status tells the two
        /// cases apart.
        public var name: String { self == .adminDenied ? Self.adminAccess.rawValue : rawValue }

        /// The HTTP status code that belongs to the kind.
        public var status: Int {
            switch self {
            case .attestation, .adminAccess, .tokenMissing, .tokenInvalid: 401
            case .policyDenied, .adminDenied: 403
            case .notFound, .referenceValue: 404
            case .otherMethod: 405
            case .malformed, .policyUnusable: 400
            case .conflict, .quotaExceeded: 409
            case .tooLarge: 413
            case .tooMany: 429
            case .unavailable: 503
            case .failed, .sealing: 500
            }
        }
    }

    /// The kind of refusal.
    public let kind: Kind
    /// The check that decided, in a few words with hyphens.
    public let check: String
    /// What the client is told.
    public let detail: String
    /// What only the audit log says beside that; empty when there is nothing.
    public let note: String

    /// After how many seconds a caller may try again; nil where trying again does not help.
    public let retryAfter: Int?

    /// Creates a refusal.
    public init(_ kind: Kind, check: String, _ detail: String, note: String = "", retryAfter: Int? = nil) {
        self.kind = kind
        self.check = check
        self.detail = detail
        self.note = note
        self.retryAfter = retryAfter
    }

    /// The reason for the tenant.
    var auditedReason: String { note.isEmpty ? detail : "\(detail): \(note)" }

    /// The HTTP status code that belongs to the kind.
    public var status: Int { kind.status }

    /// Whether an administrator was refused: for who he is, which anybody may say, or for what he called.
    var isOfAdministrators: Bool { kind == .adminAccess || kind == .adminDenied }

    /// Kind, check and detail in one line.
    public var description: String { "\(kind.rawValue) [\(check)]: \(detail)" }

    /// Runs `body` and turns every error that is not a ``BrokerError`` into a failure of the broker's own.
    static func wrapping<R>(_ what: String, _ body: () throws -> R) throws(BrokerError) -> R {
        do {
            return try body()
        } catch let error as BrokerError {
            throw error
        } catch {
            throw BrokerError(.failed, check: "storage", "\(what) failed")
        }
    }
}
