import WireFormat

extension BrokerConfiguration {
    /// The names of all members, in objects within one another with dots; `[]` stands for each element of a list. A member that
    /// is one thing or an object has its object's members here.
    ///
    /// `docs/BROKER-CONFIG.md` describes each; a test compares it with this list, and this list with what the decoders take.
    static let members: [String] =
        [
            "listen", "adminListen", "adminClientCA", "drainSeconds", "database", "etcd", "rootKey", "formerRootKeys",
            "rollbackCounter", "replica", "tls", "adminKeys", "administrators", "releaseKeys", "referenceKeys",
            "softRoots", "revocationLists", "ca", "tokenMinutes", "tokenIssuer", "tokenAlgorithm", "tokenKeyDays",
            "foreignTokens", "attestation", "endorsements", "auditLog", "rateLimits", "protocolVersions",
        ]
        + within(
            "etcd", ["endpoints", "ca", "certificate", "key", "user", "passwordFile", "prefix"])
        + within(
            "rootKey",
            [
                "kind", "file", "tcti", "programs", "timeoutSeconds", "ownerAuth", "module", "token", "pinFile", "key",
            ])
        + within("rollbackCounter", ["kind", "file", "tcti", "programs", "timeoutSeconds", "ownerAuth"])
        + within("tls", ["cert", "key"])
        + within("administrators", ["identityProviders", "acls"])
        + within("administrators.identityProviders[]", ["issuer", "audience", "keys", "jwks", "longestMinutes"])
        + within("administrators.acls[]", ["role", "endpoints", "methods"])
        + within("referenceKeys[]", ["key", "names"])
        + within("ca", ["dir", "listAddress"])
        + within(
            "foreignTokens[]", ["issuer", "audience", "jwks", "certificates", "teeKeyPaths", "longestMinutes"])
        + within("attestation", ["policy", "endorsements", "attestationKeys", "platforms"])
        + within("endorsements", ["kds", "pcs", "kdsStores", "cache", "offline", "seconds"])
        + within("rateLimits", ["auth", "attest", "addresses", "connections"])
        + within("rateLimits.auth", ["perSecond", "burst"])
        + within("rateLimits.attest", ["perSecond", "burst"])

    private static func within(_ object: String, _ names: [String]) -> [String] { names.map { "\(object).\($0)" } }

    /// What is wrong, and for a member that is not known the name that was probably meant.
    static func explained(_ error: WireError) -> String {
        let text = "\(error.field): \(error.reason)"
        guard error.reason == "is an unknown field" else { return text }
        let path = general(error.field)
        let (object, name) = split(path)
        let siblings = members.filter { split($0).object == object }.map { split($0).name }
        if let nearest = nearest(to: name, among: siblings) { return "\(text); `\(nearest)` is meant?" }
        // The right name in the wrong place.
        let elsewhere = members.filter { split($0).name == name }
        if !elsewhere.isEmpty {
            return "\(text) here; `\(elsewhere.joined(separator: "`, `"))` is meant?"
        }
        return "\(text); docs/BROKER-CONFIG.md has all that there are"
    }

    /// A place with `[]` for each number, and former root keys as the root key.
    private static func general(_ path: String) -> String {
        var result = ""
        var isInside = false
        for character in path {
            if character == "]" { isInside = false }
            if !isInside { result.append(character) }
            if character == "[" { isInside = true }
        }
        return result.hasPrefix("formerRootKeys.") ? "rootKey." + result.dropFirst("formerRootKeys.".count) : result
    }

    private static func split(_ path: String) -> (object: String, name: String) {
        guard let dot = path.lastIndex(of: ".") else { return ("", path) }
        return (String(path[..<dot]), String(path[path.index(after: dot)...]))
    }

    /// The name that fewest changes of a letter make out of `name`, a third of its letters at most; case does not count.
    static func nearest(to name: String, among known: [String]) -> String? {
        guard name.utf8.count <= 64 else { return nil }
        let wanted = Array(name.lowercased().utf8)
        let distances = known.map { ($0, distance(wanted, Array($0.lowercased().utf8))) }
        guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(1, wanted.count / 3) else { return nil }
        return best.0
    }

    /// How many letters have to be added, removed, replaced or swapped with the next one (optimal string alignment).
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var (before, above) = ([Int](), Array(0...other.count))
        for (index, letter) in one.enumerated() {
            var row = [index + 1]
            for (place, wanted) in other.enumerated() {
                var least = min(above[place + 1] + 1, row[place] + 1, above[place] + (letter == wanted ? 0 : 1))
                if index > 0, place > 0, letter == other[place - 1], one[index - 1] == wanted {
                    least = min(least, before[place - 1] + 1)
                }
                row.append(least)
            }
            (before, above) = (above, row)
        }
        return above[other.count]
    }
}
