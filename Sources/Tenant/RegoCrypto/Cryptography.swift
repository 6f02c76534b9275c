import Rego

extension Builtin {
    /// The built-in functions that need cryptography: `crypto.*`, `io.jwt.*` and `providers.aws.sign_req`.
    public static let cryptography: [Builtin] = [hashes, tokens, certificates, cloudProviders].flatMap { $0 }
}
