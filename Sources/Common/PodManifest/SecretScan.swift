/// Finds what looks like a secret in a manifest, which the host can read (rule R18).
///
/// This is a net for mistakes, not a proof of absence.
public enum SecretScan {
    private static let names: Set<String> = [
        "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "API_KEY", "PRIVATE_KEY", "CREDENTIALS",
        "AWS_SECRET_ACCESS_KEY", "PGPASSWORD",
    ]
    private static let endings = [
        "_PASSWORD", "_PASSWD", "_PASS", "_PASSPHRASE", "_SECRET", "_TOKEN", "_APIKEY", "_API_KEY", "_PRIVATE_KEY",
        "_SECRET_KEY", "_ACCESS_KEY", "_ENCRYPTION_KEY", "_CREDENTIALS",
    ]
    private static let marks = [
        ("PRIVATE KEY-----", "a private key"), ("PRIVATE KEY BLOCK-----", "a private key"),
        ("AGE-SECRET-KEY-1", "a private key"),
    ]
    /// Beginnings of well-known tokens with the number of characters that follow.
    private static let tokens = [
        ("AKIA", 16, "an AWS access key"), ("ASIA", 16, "an AWS access key"), ("ghp_", 36, "a GitHub token"),
        ("gho_", 36, "a GitHub token"), ("ghs_", 36, "a GitHub token"), ("github_pat_", 22, "a GitHub token"),
        ("glpat-", 20, "a GitLab token"), ("xoxb-", 20, "a Slack token"), ("xoxp-", 20, "a Slack token"),
        ("sk_live_", 16, "a payment key"), ("sk-", 40, "an API key"), ("AIza", 35, "a Google API key"),
    ]

    /// What the literal value of the variable `name` looks like, or nil. Empty values are no secrets.
    public static func finding(name: String, value: String) -> String? {
        guard !value.isEmpty else { return nil }
        let upper = String(name.uppercased().map { $0 == "-" || $0 == "." ? "_" : $0 })
        if names.contains(upper) || endings.contains(where: upper.hasSuffix) { return "a secret by its name" }
        return finding(value: value)
    }

    /// What a value looks like, or nil.
    public static func finding(value: String) -> String? {
        for (mark, what) in marks where contains(value, mark) { return what }
        for word in value.utf8.split(whereSeparator: { !isWordByte($0) }) {
            for (prefix, count, what) in tokens where word.starts(with: prefix.utf8) {
                if word.count >= prefix.utf8.count + count { return what }
            }
            if isSignedToken(word) { return "a signed token" }
        }
        return hasPasswordInAddress(value) ? "an address with a password" : nil
    }

    private static func contains(_ text: String, _ mark: String) -> Bool {
        let (text, mark) = (Array(text.utf8), Array(mark.utf8))
        guard text.count >= mark.count else { return false }
        return (0...text.count - mark.count).contains { text[$0..<$0 + mark.count].elementsEqual(mark) }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
    }

    /// Three base64url parts that begin as an encoded JSON object does.
    private static func isSignedToken(_ word: Substring.UTF8View) -> Bool {
        let parts = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0].starts(with: "eyJ".utf8) && parts[1].starts(with: "eyJ".utf8)
    }

    /// `scheme://user:password@host`.
    private static func hasPasswordInAddress(_ value: String) -> Bool {
        let parts = value.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.indices.dropFirst(2).contains { index in
            guard parts[index - 1].isEmpty, parts[index - 2].last == UInt8(ascii: ":"),
                let at = parts[index].lastIndex(of: UInt8(ascii: "@")),
                let colon = parts[index][..<at].firstIndex(of: UInt8(ascii: ":"))
            else { return false }
            return parts[index].index(after: colon) < at
        }
    }
}
