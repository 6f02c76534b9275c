import Envelope
import SealedStorage

/// Where the etcd cluster is, and who the store is to it.
public struct EtcdConfiguration: Sendable {
    /// The members as `https://host:port`; `http` is for a member on this machine only.
    public var endpoints: [String]
    /// The file of the certificate authorities that may sign members' certificates, in PEM; needed for `https`.
    public var authorities: String?
    /// The file of the client's certificate chain, in PEM.
    public var certificate: String?
    /// The file of the client certificate's key, in PEM.
    public var key: String?
    /// The user for etcd's own authentication, where that is on.
    public var user: String?
    /// The user's password.
    public var password: SecretBytes?
    /// What all keys start with; several stores can share a cluster. Its users' rights can be limited to it.
    public var prefix: String
    /// How long one member may take to answer before another one is asked.
    public var callTimeout: Duration
    /// How long a call may take on all members together.
    public var totalTimeout: Duration

    /// Describes a cluster.
    public init(
        endpoints: [String], authorities: String? = nil, certificate: String? = nil, key: String? = nil,
        user: String? = nil, password: SecretBytes? = nil, prefix: String = "testudo",
        callTimeout: Duration = .seconds(2), totalTimeout: Duration = .seconds(15)
    ) {
        self.endpoints = endpoints
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.user = user
        self.password = password
        self.prefix = prefix
        self.callTimeout = callTimeout
        self.totalTimeout = totalTimeout
    }

    /// A member's address, taken apart.
    struct Endpoint: Hashable {
        let name: String
        let host: String
        let port: Int
        let isTLS: Bool

        init(_ url: String) throws(StoreFailure) {
            func refusal(_ reason: String) -> StoreFailure { StoreFailure(.failed, "etcd endpoint \(url) \(reason)") }
            let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == "https" || parts[0] == "http" else {
                throw refusal("does not start with https://")
            }
            isTLS = parts[0] == "https"
            guard let colon = parts[1].lastIndex(of: ":"), let port = Int(parts[1][parts[1].index(after: colon)...]),
                (1...65535).contains(port)
            else { throw refusal("has no port") }
            let host = parts[1][..<colon]
            self.host = String(host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host)
            self.port = port
            name = String(parts[1])
            guard !self.host.isEmpty, !self.host.contains("/") else { throw refusal("has no host") }
            guard isTLS || ["127.0.0.1", "::1", "localhost"].contains(self.host) else {
                throw refusal("is on another machine and not https")
            }
        }
    }

    /// The members, or why the settings cannot be right.
    func checkedEndpoints() throws(StoreFailure) -> [Endpoint] {
        guard !endpoints.isEmpty else { throw StoreFailure(.failed, "etcd has no endpoints") }
        var found: [Endpoint] = []
        for url in endpoints {
            let endpoint = try Endpoint(url)
            guard !endpoint.isTLS || authorities != nil else {
                throw StoreFailure(.failed, "etcd is used over https and no certificate authority is named for it")
            }
            found.append(endpoint)
        }
        guard (certificate == nil) == (key == nil) else {
            throw StoreFailure(.failed, "etcd's client certificate and its key are needed together")
        }
        guard !prefix.isEmpty, prefix.utf8.count <= 128 else {
            throw StoreFailure(.failed, "etcd's prefix must have 1 to 128 bytes")
        }
        return found
    }
}
