import NIOSSL
import Synchronization

/// The TLS identity that new connections get. Replaced when the certificate is renewed; open connections keep theirs.
final class ServerIdentity: Sendable {
    private let current: Mutex<NIOSSLContext>

    init(certificateChain: [NIOSSLCertificate], privateKey: NIOSSLPrivateKey) throws {
        current = Mutex(try Self.context(certificateChain, privateKey))
    }

    /// What the next connection uses.
    var context: NIOSSLContext { current.withLock { $0 } }

    /// Uses a new certificate from now on.
    func replace(certificateChain: [NIOSSLCertificate], privateKey: NIOSSLPrivateKey) throws {
        let context = try Self.context(certificateChain, privateKey)
        current.withLock { $0 = context }
    }

    /// TLS 1.3 only; HTTP/1.1 only; no early data (BoringSSL's default for servers).
    private static func context(_ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
