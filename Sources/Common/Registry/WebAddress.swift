/// An absolute http or https address, split as far as a registry client needs it.
struct WebAddress: Equatable {
    let scheme: String
    let host: String
    let port: Int
    /// The path with its query; begins with a slash.
    let target: String

    init?(_ text: String) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), let colon = text.firstRange(of: "://") else {
            return nil
        }
        self.scheme = text[..<colon.lowerBound].lowercased()
        guard self.scheme == "http" || self.scheme == "https" else { return nil }
        let rest = text[colon.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains("@"), !rest.contains("#") else { return nil }
        self.target = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
        var host = authority
        var port = self.scheme == "https" ? 443 : 80
        if let mark = authority.lastIndex(of: ":"), !authority[mark...].contains("]") {
            guard let number = UInt16(authority[authority.index(after: mark)...]), number > 0 else { return nil }
            port = Int(number)
            host = authority[..<mark]
        }
        guard !host.isEmpty else { return nil }
        self.host = host.lowercased()
        self.port = port
    }

    /// Whether both lie on the same server.
    func hasOrigin(_ scheme: String, _ host: String, _ port: Int) -> Bool {
        self.scheme == scheme && self.host == host.lowercased() && self.port == port
    }
}
