import Crypto
import WireFormat

/// Who may call the attestation service: bearers of tokens that its owner gave out, for one of two roles.
///
/// Only hashes of the tokens are kept, and hashes are compared, so that the time of an answer says nothing about a token.
public struct CallAuthorizer: Sendable {
    /// What a caller may do.
    public enum Role: Int, Sendable, Comparable {
        /// Everybody: health and the keys of tokens.
        case anyone = 0
        /// Have evidence evaluated, ask for challenges and reference values.
        case client = 1
        /// Set policies and register reference values as well.
        case administrator = 2

        /// Orders by what is allowed.
        public static func < (left: Role, right: Role) -> Bool { left.rawValue < right.rawValue }
    }

    private let roles: [[UInt8]: Role]
    /// What a caller without a token may do.
    public let anonymous: Role

    private static let shortest = 16

    /// Takes tokens by role.
    ///
    /// - Parameters:
    ///   - clients: Tokens of those who have evidence evaluated.
    ///   - administrators: Tokens of those who set policies and reference values.
    ///   - anonymous: What callers without a token may do: those that TLS let in, or anybody.
    public init(clients: [String], administrators: [String], anonymous: Role = .anyone) throws(WireError) {
        var roles: [[UInt8]: Role] = [:]
        for (tokens, role) in [(clients, Role.client), (administrators, .administrator)] {
            for token in tokens {
                guard token.utf8.count >= Self.shortest, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                    throw WireError(field: "token", reason: "must be \(Self.shortest) or more visible characters")
                }
                roles[Self.digest(token)] = role
            }
        }
        self.roles = roles
        self.anonymous = anonymous
    }

    /// Refuses a caller who may not do what needs `needed`.
    ///
    /// - Parameter authorization: The value of the header or metadata `authorization`, if there is one.
    public func require(_ needed: Role, authorization: String?) throws(ServiceFailure) {
        guard needed > anonymous else { return }
        guard let authorization else {
            throw ServiceFailure(.unauthenticated, "this call needs a bearer token")
        }
        let parts = authorization.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == "bearer", let role = roles[Self.digest(String(parts[1]))]
        else { throw ServiceFailure(.unauthenticated, "the bearer token is not known") }
        guard role >= needed else { throw ServiceFailure(.forbidden, "this call needs an administrator's token") }
    }

    private static func digest(_ token: String) -> [UInt8] { Array(SHA256.hash(data: Array(token.utf8))) }
}
