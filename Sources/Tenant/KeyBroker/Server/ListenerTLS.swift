import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// The TLS of a listener: certificate, key and, where clients need certificates, their authority.
enum ListenerTLS {
    /// What new connections use, made anew when a file changes. Two files that do not belong together, as there are for a
    /// moment while both are replaced, change nothing.
    static func contexts(
        _ configuration: BrokerConfiguration, clientAuthority: String? = nil, watch: FileWatch
    ) throws(BrokerError) -> WatchedFiles<NIOSSLContext> {
        let (chain, key) = (configuration.certificate, configuration.certificateKey)
        let what = clientAuthority == nil ? "TLS certificate and key" : "TLS files of the administrators' listener"
        return try WatchedFiles(what, paths: [chain, key] + (clientAuthority.map { [$0] } ?? []), watch: watch) {
            () throws(BrokerError) in
            try context(chain: chain, key: key, clientAuthority: clientAuthority)
        }
    }

    private static func context(
        chain: String, key: String, clientAuthority: String?
    ) throws(BrokerError) -> NIOSSLContext {
        let certificates = try self.certificates(chain, what: "TLS certificate")
        let keyBytes = try PrivateFile.read(key, what: "TLS key")
        guard let privateKey = try? NIOSSLPrivateKey(bytes: keyBytes, format: .pem) else {
            throw BrokerError(.failed, check: "configuration", "the TLS key cannot be read")
        }
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        tls.minimumTLSVersion = .tlsv12
        tls.applicationProtocols = ["http/1.1"]
        if let clientAuthority {
            tls.minimumTLSVersion = .tlsv13
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .certificates(try self.certificates(clientAuthority, what: "authority of clients"))
        }
        guard let context = try? NIOSSLContext(configuration: tls) else {
            throw BrokerError(.failed, check: "configuration", "the TLS certificate and key do not belong together")
        }
        return context
    }

    private static func certificates(_ path: String, what: String) throws(BrokerError) -> [NIOSSLCertificate] {
        let bytes = try PrivateFile.readPublic(path, what: what)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw BrokerError(.failed, check: "configuration", "the \(what) cannot be read")
        }
        return certificates
    }
}

/// HTTP/1.1 over TLS with the certificates that are in force when a connection begins.
struct ReloadingTLSChannel: ServerChildChannel {
    let base: HTTP1Channel
    let contexts: WatchedFiles<NIOSSLContext>
    let connections: AddressConnections
    let executor: BlockingExecutor

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        guard connections.admit(channel) else {
            return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: contexts.contents))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    /// All of a connection's work is done where it may block, so that a request takes one change of threads, and its answer one.
    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(executor) { await base.handle(value: value, logger: logger) }
    }
}
