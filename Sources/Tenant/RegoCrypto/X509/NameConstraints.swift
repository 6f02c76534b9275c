import Rego

extension CertificateExtensions {
    /// Whether the names of a certificate below are among those permitted and not among those excluded.
    func allow(_ names: Names) -> Bool {
        Self.allow(names.dns, permitted.dns, excluded.dns) { HostName.isWithin($0, $1) }
            && Self.allow(names.emails, permitted.emails, excluded.emails) { Self.isMail($0, within: $1) }
            && Self.allow(names.uris, permitted.uris, excluded.uris) { Self.isPlace($0, within: $1) }
            && Self.allow(names.addresses, permitted.addresses, excluded.addresses) { Self.isAddress($0, within: $1) }
    }

    private static func allow<Name>(
        _ names: [Name], _ permitted: [Name], _ excluded: [Name], _ isWithin: (Name, Name) -> Bool
    ) -> Bool {
        names.allSatisfy { name in
            !excluded.contains { isWithin(name, $0) }
                && (permitted.isEmpty || permitted.contains { isWithin(name, $0) })
        }
    }

    private static func isMail(_ mail: String, within constraint: String) -> Bool {
        guard let at = mail.lastIndex(of: "@") else { return false }
        if constraint.contains("@") { return mail.lowercased() == constraint.lowercased() }
        return HostName.isExactlyOrBelow(String(mail[mail.index(after: at)...]), constraint)
    }

    private static func isPlace(_ place: String, within constraint: String) -> Bool {
        let host = URLText(place).host.split(separator: "@").last.map(String.init) ?? ""
        let name = host.split(separator: ":").first.map(String.init) ?? ""
        return !name.isEmpty && HostName.isExactlyOrBelow(name, constraint)
    }

    private static func isAddress(_ address: [UInt8], within range: [UInt8]) -> Bool {
        guard range.count == 2 * address.count else { return false }
        return address.indices.allSatisfy { index in
            let mask = range[address.count + index]
            return address[index] & mask == range[index] & mask
        }
    }
}

/// Names of hosts.
enum HostName {
    /// Whether a name is a domain or below it; a leading dot asks for below.
    static func isWithin(_ name: String, _ domain: String) -> Bool {
        if domain.isEmpty { return true }
        let (name, domain) = (name.lowercased(), domain.lowercased())
        if domain.hasPrefix(".") { return name.hasSuffix(domain) && name != domain }
        return name == domain || name.hasSuffix(".\(domain)")
    }

    /// Whether a name is a domain, or below one that is written with a leading dot.
    static func isExactlyOrBelow(_ name: String, _ domain: String) -> Bool {
        domain.hasPrefix(".") || domain.isEmpty ? isWithin(name, domain) : name.lowercased() == domain.lowercased()
    }

    /// Whether a host is one of a certificate's names; a name may begin with a star for one label.
    static func matches(_ host: String, _ names: CertificateExtensions.Names) -> Bool {
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        if names.addresses.contains(where: { IPAddress.text($0) == bare.lowercased() }) { return true }
        let labels = host.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        return names.dns.contains { pattern in
            let parts = pattern.lowercased().split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == labels.count, !host.isEmpty else { return false }
            return zip(parts, labels).enumerated().allSatisfy { index, pair in
                (index == 0 && pair.0 == "*") || pair.0 == pair.1
            }
        }
    }
}
