/// Why a call to the attestation service was not answered.
public struct ServiceFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure it is; the wire's status follows from it.
    public enum Kind: Sendable {
        /// The request could not be understood.
        case malformed
        /// Nobody is known who would call like this.
        case unauthenticated
        /// The caller may not do this.
        case forbidden
        /// The evidence is not to be believed.
        case refused
        /// The service does not do this.
        case unsupported
        /// The service itself failed.
        case failed
    }

    /// What kind of failure it is.
    public let kind: Kind
    /// The reason, for the caller: a tenant's, never a host's.
    public let reason: String

    /// Creates a failure.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// The reason.
    public var description: String { reason }
}
