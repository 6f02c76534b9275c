import NIOCore
import NIOSSL

/// The TLS side of an endpoint: a context, made once, and the handler for one connection.
struct TrustCheck: Sendable {
    private let context: NIOSSLContext
    private let pinned: [UInt8]?
    private let serverName: String?

    /// Nil for an endpoint without TLS.
    init?(_ endpoint: HTTPEndpoint) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        switch endpoint.trust {
        case .none:
            return nil
        case .pinnedCertificate(let pem):
            self.pinned = try NIOSSLCertificate(bytes: Array(pem.utf8), format: .pem).toDERBytes()
        case .pinnedDER(let der):
            self.pinned = try NIOSSLCertificate(bytes: der, format: .der).toDERBytes()
        case .roots(let texts):
            self.pinned = nil
            configuration.trustRoots = .certificates(
                try texts.flatMap { try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) })
        }
        if let pinned {
            // Only the callback decides; it is skipped when verification is off, so it stays on.
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates([try NIOSSLCertificate(bytes: pinned, format: .der)])
        }
        if let identity = endpoint.identity {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificates.utf8)).map {
                .certificate($0)
            }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem))
        }
        self.context = try NIOSSLContext(configuration: configuration)
        self.serverName = Self.isAddress(endpoint.host) ? nil : endpoint.host
    }

    /// The handler of one connection.
    func handler() throws -> NIOSSLClientHandler {
        guard let pinned else { return try NIOSSLClientHandler(context: context, serverHostname: serverName) }
        return try NIOSSLClientHandler(context: context, serverHostname: serverName) { certificates, decision in
            let presented = try? certificates.first?.toDERBytes()
            decision.succeed(presented == pinned ? .certificateVerified : .failed)
        }
    }

    /// An address has no place in the server name indication.
    private static func isAddress(_ host: String) -> Bool {
        host.contains(":") || (try? SocketAddress(ipAddress: host, port: 0)) != nil
    }
}
