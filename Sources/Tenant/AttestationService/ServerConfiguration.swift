import Foundation
import NIOSSL
import WireFormat

/// How the servers are reached and who may call them.
public struct ServerConfiguration: Sendable {
    /// An address to listen on.
    public struct Endpoint: Sendable, Equatable {
        /// The host's name or address.
        public var host: String
        /// The port; 0 lets the system choose.
        public var port: Int

        /// Reads `HOST:PORT`.
        public init(parsing text: String) throws(WireError) {
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
                throw WireError(field: "listen", reason: "must be HOST:PORT")
            }
            host = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
            self.port = Int(port)
            guard !host.isEmpty else { throw WireError(field: "listen", reason: "must be HOST:PORT") }
        }

        /// Whether only this machine reaches it.
        public var isLoopback: Bool { host == "127.0.0.1" || host == "::1" || host == "localhost" }
    }

    /// A certificate and its key, and whose certificates clients must have.
    public struct TLS: Sendable {
        /// The server's certificates in PEM.
        public var certificates: [UInt8]
        /// Its private key in PEM.
        public var key: [UInt8]
        /// The authorities of clients' certificates in PEM; nil asks clients for none.
        public var clientAuthorities: [UInt8]?

        /// Joins the parts.
        public init(certificates: [UInt8], key: [UInt8], clientAuthorities: [UInt8]? = nil) {
            self.certificates = certificates
            self.key = key
            self.clientAuthorities = clientAuthorities
        }
    }

    /// Where gRPC is served; nil serves none.
    public var grpc: Endpoint?
    /// Where HTTP is served; nil serves none.
    public var rest: Endpoint?
    /// TLS for both; nil serves in the clear.
    public var tls: TLS?
    /// Who may call.
    public var authorizer: CallAuthorizer

    /// The largest message, in bytes.
    static let messageLimit = 16 << 20
    /// How many connections of gRPC are open at a time.
    static let connectionLimit = 128

    /// Describes the servers; they must not carry tokens in the clear over a network.
    public init(
        grpc: Endpoint?, rest: Endpoint?, tls: TLS?, authorizer: CallAuthorizer, allowsCleartext: Bool = false
    ) throws(WireError) {
        guard grpc != nil || rest != nil else { throw WireError(field: "listen", reason: "names no address") }
        for endpoint in [grpc, rest].compactMap({ $0 }) where tls == nil && !allowsCleartext && !endpoint.isLoopback {
            throw WireError(
                field: "listen", reason: "\(endpoint.host) is not this machine alone: TLS or --insecure-cleartext")
        }
        self.grpc = grpc
        self.rest = rest
        self.tls = tls
        self.authorizer = authorizer
    }
}

extension ServerConfiguration.TLS {
    /// The same for NIO: TLS 1.3 or 1.2, and a client's certificate where authorities are named.
    func nio(_ protocols: [String]) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(certificates).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem)))
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = protocols
        if let clientAuthorities {
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(clientAuthorities))
        }
        return tls
    }
}
