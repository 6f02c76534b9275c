import Envelope
import WireFormat

/// Attestation results as a signed token: EAR (draft-fv-rats-ear) as a JWT, in the form of trustee's tokens.
public struct AttestationTokenIssuer: Sendable {
    /// The `eat_profile` of trustee's tokens, which their readers know.
    public static let profile = "tag:github.com,2024:confidential-containers/Trustee"

    /// The keys.
    public let keyring: TokenKeyring
    /// The `iss` of each token.
    public let issuer: String
    /// Who made the verifier (`ear.verifier-id`).
    public let developer: String
    /// Which build of it runs.
    public let build: String

    /// Creates an issuer.
    public init(keyring: TokenKeyring, issuer: String, developer: String = "https://testudo.dev", build: String) {
        self.keyring = keyring
        self.issuer = issuer
        self.developer = developer
        self.build = build
    }

    /// Issues a token.
    ///
    /// - Parameters:
    ///   - submodules: The results by device: `cpu0`, `gpu0`, …
    ///   - more: Further claims, such as `aud`; they cannot replace the token's own.
    ///   - now: The present, in seconds since 1970.
    public func issue(
        submodules: JSONValue, more: [String: JSONValue] = [:], now: Int64
    ) throws(EnvelopeError) -> String {
        let own: [String: JSONValue] = [
            "eat_profile": .string(Self.profile), "iss": .string(issuer), "iat": .integer(now),
            "exp": .integer(now + keyring.lifetime),
            "ear.verifier-id": ["developer": .string(developer), "build": .string(build)], "submods": submodules,
        ]
        return try keyring.sign(.object(more.merging(own) { $1 }))
    }
}
