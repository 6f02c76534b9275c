/// Whom a client believes to be the server.
public enum TLSTrust: Sendable, Equatable {
    /// No TLS; for `http` only.
    case none
    /// The server's own certificate, byte for byte; names and dates in it do not matter. In PEM.
    case pinnedCertificate(pem: String)
    /// The server's own certificate, byte for byte, in DER.
    case pinnedDER([UInt8])
    /// A certificate that one of these roots vouches for, with the endpoint's host name in it. Each text is PEM.
    case roots(pem: [String])
}

/// Who a client says it is, to servers that ask for a certificate.
public struct ClientIdentity: Sendable, Equatable {
    /// Its certificate and what vouches for it, in PEM.
    public let certificates: String
    /// The private key of the first certificate, in PEM.
    public let key: String

    /// Creates an identity.
    public init(certificates: String, key: String) {
        self.certificates = certificates
        self.key = key
    }
}

/// Where to talk to and whom to expect there.
public struct HTTPEndpoint: Sendable, Equatable {
    /// The schemes spoken.
    public enum Scheme: String, Sendable {
        /// Plain text.
        case http
        /// TLS.
        case https
    }

    /// How to talk.
    public let scheme: Scheme
    /// A host name or address, without brackets.
    public let host: String
    /// The port, 1 to 65535.
    public let port: Int
    /// Whom to believe.
    public let trust: TLSTrust
    /// Who the client is; nil for nobody in particular.
    public let identity: ClientIdentity?

    /// The scheme as it stands in a URL.
    public var schemeName: String { scheme.rawValue }

    /// Creates an endpoint from a URL of scheme, host and port; a path of `/` is allowed, anything more is not.
    ///
    /// - Throws: ``ExchangeError`` with phase `address` for another URL, for `https` without trust or `http` with it.
    public init(url: String, trust: TLSTrust, identity: ClientIdentity? = nil) throws(ExchangeError) {
        func refuse(_ reason: String) -> ExchangeError {
            ExchangeError(host: String(url.prefix(200)), port: 0, phase: .address, reason: reason)
        }
        let rest: Substring
        if url.hasPrefix("https://") {
            self.scheme = .https
            rest = url.dropFirst(8)
        } else if url.hasPrefix("http://") {
            self.scheme = .http
            rest = url.dropFirst(7)
        } else {
            throw refuse("the URL must begin with http:// or https://")
        }
        let authority = rest.hasSuffix("/") ? rest.dropLast() : rest
        if let slash = authority.firstIndex(of: "/") {
            throw refuse("the URL has a path (\(authority[slash...].prefix(64))) and must end with host or port")
        }
        guard let (host, portText) = Self.split(authority), Self.isHost(host) else {
            throw refuse("the URL must be scheme, host and port only")
        }
        let standard = scheme == .https ? 443 : 80
        guard let port = portText.isEmpty ? standard : Self.port(portText) else { throw refuse("the port is no port") }
        switch (scheme, trust) {
        case (.https, .none): throw refuse("https needs a certificate or roots to trust")
        case (.http, .pinnedCertificate), (.http, .pinnedDER), (.http, .roots):
            throw refuse("http cannot check a certificate")
        default: break
        }
        self.host = host
        self.port = port
        self.trust = trust
        self.identity = identity
    }

    /// The value of the Host header.
    public var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (scheme == .https ? 443 : 80) ? name : "\(name):\(port)"
    }

    private static func split(_ authority: Substring) -> (String, Substring)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { return nil }
            return (String(authority[authority.index(after: authority.startIndex)..<end]), after.dropFirst())
        }
        let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, !host.contains(":") else { return nil }
        return (String(host), parts.count == 2 ? parts[1] : "")
    }

    private static func isHost(_ host: String) -> Bool {
        !host.isEmpty && host.utf8.count <= 253
            && host.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x3a, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
                default: false
                }
            }
    }

    private static func port(_ text: Substring) -> Int? {
        guard text.utf8.count <= 5, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text) else {
            return nil
        }
        return (1...65535).contains(port) ? port : nil
    }
}
