import Envelope

/// A failure to get something from a registry or to put it there.
public struct RegistryError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Kind: String, Sendable {
        /// No usable connection.
        case unreachable
        /// The registry wants other credentials, or asks for a token from a host that is not allowed.
        case unauthorized
        /// There is no such repository, tag or digest.
        case notFound
        /// An answer that the protocol does not allow.
        case badAnswer
        /// Content that is not what its digest or size says.
        case damaged
    }

    /// The kind of failure.
    public let kind: Kind
    /// What was attempted and on what.
    public let message: String

    /// Creates an error.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The kind and the message.
    public var description: String { "registry: \(self.message) (\(self.kind.rawValue))" }
}

/// How a client proves to a registry who it is.
public enum RegistryCredentials: Sendable {
    /// Not at all.
    case anonymous
    /// With a name and a password, sent to the registry itself and to its token service.
    case basic(user: String, password: SecretBytes)
}
