/// Why TLS failed, for people: BoringSSL's names of reasons, without its codes and the paths of the machine that built it.
enum TLSTrouble {
    static let otherName = "the server's certificate is for another name"

    /// What a failed handshake means.
    static func sentence(_ error: any Error) -> String {
        let reasons = reasons(error)
        if reasons.contains("CERTIFICATE_VERIFY_FAILED") { return "the server's certificate is not believed" }
        if !reasons.isDisjoint(with: ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"]) {
            return "the server does not speak TLS there"
        }
        if reasons.contains("UNSUPPORTED_PROTOCOL") { return "the server speaks older versions of TLS only" }
        return "TLS failed: \(words(error))"
    }

    /// The reasons, or the error's own words where it has none of BoringSSL's.
    static func words(_ error: any Error) -> String {
        let reasons = reasons(error)
        return reasons.isEmpty ? "\(error)" : reasons.sorted().joined(separator: ", ")
    }

    /// The names in `error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at …/handshake.cc:391`.
    private static func reasons(_ error: any Error) -> Set<String> {
        let parts = "\(error)".split(separator: "OPENSSL_internal:", omittingEmptySubsequences: false).dropFirst()
        return Set(parts.map { String($0.prefix { $0.isLetter || $0.isNumber || $0 == "_" }) })
    }
}
