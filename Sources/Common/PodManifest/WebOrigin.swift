import WireFormat

/// Addresses of servers as manifests hold them: no user, no query, no fragment, and a path only where one is allowed.
enum WebOrigin {
    static func check(_ url: String, schemes: [String], path: Bool, _ field: String) throws(WireError) {
        try Check.text(url, field)
        guard let scheme = schemes.first(where: { url.hasPrefix("\($0)://") }) else {
            let wanted = schemes.map { "\($0)://" }.joined(separator: " or ")
            throw WireError(field: field, reason: "must begin with \(wanted)")
        }
        let rest = url.dropFirst(scheme.count + 3)
        let authority = rest.prefix { $0 != "/" }
        try checkAuthority(authority, field)
        let trailer = rest.dropFirst(authority.count)
        let isPlain = trailer.utf8.allSatisfy { byte in
            switch byte {
            case 0x2D...0x3A, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "~"): true
            default: false
            }
        }
        guard trailer.isEmpty || (path && isPlain && !trailer.contains("..")) else {
            throw WireError(field: field, reason: path ? "has an odd path" : "must not have a path")
        }
    }

    /// Checks `host`, `host:port` or `[address]:port`.
    static func checkAuthority(_ authority: Substring, _ field: String) throws(WireError) {
        let fault = WireError(field: field, reason: "must name a host, with a port from 1 to 65535 if any")
        var host = authority
        var port: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { throw fault }
            host = authority[authority.index(after: authority.startIndex)..<close]
            let rest = authority[authority.index(after: close)...]
            guard !host.isEmpty, host.utf8.allSatisfy({ isHex($0) || $0 == 0x3A || $0 == 0x2E }) else { throw fault }
            guard rest.isEmpty || rest.hasPrefix(":") else { throw fault }
            if !rest.isEmpty { port = rest.dropFirst() }
        } else {
            let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            host = parts.first ?? ""
            if parts.count == 2 { port = parts[1] }
            guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy(isHostByte), host.first != "-",
                host.first != "."
            else { throw fault }
        }
        if let port {
            guard let number = UInt16(port), number > 0, String(number) == port else { throw fault }
        }
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E
    }
}
