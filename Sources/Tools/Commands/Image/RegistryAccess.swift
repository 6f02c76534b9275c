import Envelope
import Foundation
import HTTPExchange
import ImageFormat
import NIOPosix
import Registry
import WireFormat

/// How the tools reach registries: plain HTTP on the loopback address only, HTTPS with the system's roots elsewhere, with
/// the credentials that `docker login`, `podman login` or `skopeo login` left.
enum RegistryAccess {
    private static let rootFiles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    /// A client for the registry of `reference`.
    static func client(for reference: ImageReference) throws -> RegistryClient {
        let host = reference.registry == "docker.io" ? "registry-1.docker.io" : reference.registry
        let endpoint: HTTPEndpoint
        if isLoopback(host) {
            endpoint = try HTTPEndpoint(url: "http://\(host)", trust: .none)
        } else {
            endpoint = try HTTPEndpoint(url: "https://\(host)", trust: .roots(pem: [try systemRoots()]))
        }
        var tokenServices: [HTTPEndpoint] = []
        if reference.registry == "docker.io" {
            tokenServices = [try HTTPEndpoint(url: "https://auth.docker.io", trust: endpoint.trust)]
        }
        return RegistryClient(
            endpoint: endpoint, credentials: try RegistryLogin.credentials(for: reference.registry),
            tokenServices: tokenServices
        ) { HTTPExchanger(endpoint: $0, dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton) }
    }

    private static func isLoopback(_ host: String) -> Bool {
        let name = host.hasPrefix("[") ? host : String(host.prefix { $0 != ":" })
        return name == "localhost" || name == "127.0.0.1" || name.hasPrefix("[::1]")
    }

    /// The roots that this machine trusts, in PEM.
    static func systemRoots() throws -> String {
        let chosen = ProcessInfo.processInfo.environment["SSL_CERT_FILE"].map { [$0] } ?? rootFiles
        for path in chosen where FileManager.default.isReadableFile(atPath: path) { return try StateFolder.text(path) }
        throw CommandFailure("no root certificates found", hint: "install ca-certificates or set SSL_CERT_FILE")
    }
}

/// Credentials in the `auth.json` format that container tools share.
enum RegistryLogin {
    static func credentials(for registry: String) throws -> RegistryCredentials {
        let environment = ProcessInfo.processInfo.environment
        var paths: [String] = []
        if let path = environment["REGISTRY_AUTH_FILE"] { paths.append(path) }
        if let folder = environment["XDG_RUNTIME_DIR"] { paths.append("\(folder)/containers/auth.json") }
        if let home = environment["HOME"] {
            paths += ["\(home)/.config/containers/auth.json", "\(home)/.docker/config.json"]
        }
        let names = registry == "docker.io" ? ["docker.io", "https://index.docker.io/v1/"] : [registry]
        for path in paths where FileManager.default.isReadableFile(atPath: path) {
            let auths = try JSONValue.parse(try StateFolder.read(path))["auths"]
            for name in names {
                guard let text = auths?[name]?["auth"]?.stringValue, !text.isEmpty else { continue }
                let pair = try Base64.decode(text, field: "\(path): auths.\(name).auth")
                guard let colon = pair.firstIndex(of: UInt8(ascii: ":")) else {
                    throw CommandFailure("the login for \(name) in \(path) is not name:password", hint: "log in again")
                }
                return .basic(
                    user: String(decoding: pair[..<colon], as: UTF8.self),
                    password: SecretBytes(Array(pair[(colon + 1)...])))
            }
        }
        return .anonymous
    }
}
