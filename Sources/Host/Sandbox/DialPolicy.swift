import PodManifest

/// Where a guest may connect through its host: the key broker, the registry and the signature store of its own manifest
/// and nothing else (rule R19).
public struct DialPolicy: Equatable, Sendable {
    /// A place on the network.
    public struct Place: Hashable, Sendable {
        /// Host name or address.
        public let host: String
        /// TCP port.
        public let port: Int

        /// Creates a place.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// The places that are allowed.
    public let allowed: Set<Place>

    /// Reads the allowed places from a manifest.
    public init(_ manifest: PodManifest) {
        self.init(urls: [manifest.keyBroker.url, manifest.registry.endpoint, manifest.lookaside])
    }

    init(urls: [String]) { self.allowed = Set(urls.compactMap(Self.place)) }

    /// The place a stream target `dial:HOST:PORT` names, when it is allowed.
    ///
    /// - Parameter target: As the guest sent it.
    /// - Returns: Where to connect, or nil to refuse.
    public func place(of target: String) -> Place? {
        guard target.hasPrefix("dial:"), let place = Self.split(target.dropFirst(5), defaultPort: nil) else {
            return nil
        }
        return self.allowed.contains(place) ? place : nil
    }

    private static func place(of url: String) -> Place? {
        let defaultPort: Int
        let rest: Substring
        if url.hasPrefix("https://") {
            (defaultPort, rest) = (443, url.dropFirst(8))
        } else if url.hasPrefix("http://") {
            (defaultPort, rest) = (80, url.dropFirst(7))
        } else {
            return nil
        }
        return self.split(rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }, defaultPort: defaultPort)
    }

    private static func split(_ authority: Substring, defaultPort: Int?) -> Place? {
        var (host, port) = (authority, defaultPort)
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            if rest.hasPrefix(":") { port = Int(rest.dropFirst()) } else if !rest.isEmpty { return nil }
        } else if let colon = authority.lastIndex(of: ":") {
            host = authority[..<colon]
            port = Int(authority[authority.index(after: colon)...])
        }
        guard !host.isEmpty, !host.contains("@"), let port, (1...65535).contains(port) else { return nil }
        return Place(host: host.lowercased(), port: port)
    }
}
