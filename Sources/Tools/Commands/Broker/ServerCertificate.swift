import Crypto
import Foundation
import HTTPExchange
import NIOCore
import NIOPosix
import NIOSSL
import Verifier
import WireFormat
import X509

/// The certificate that a server showed and that was not believed, so that an error can say what is wrong with it.
struct ServerCertificate {
    private let der: [UInt8]
    private let certificate: Certificate

    /// Reads a certificate; nil when it is none.
    init?(der: [UInt8]) {
        guard let certificate = try? Certificate(derEncoded: der) else { return nil }
        (self.der, self.certificate) = (der, certificate)
    }

    /// Asks the server once more, believes nothing, sends nothing; nil when it shows none within five seconds.
    static func look(at endpoint: HTTPEndpoint) async -> ServerCertificate? {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let shown = loop.makePromise(of: [UInt8].self)
        let late = loop.scheduleTask(in: .seconds(5)) { shown.fail(ChannelError.connectTimeout(.seconds(5))) }
        defer { late.cancel() }
        let (host, port) = (endpoint.host, endpoint.port)
        let connected = ClientBootstrap(group: loop).connectTimeout(.seconds(5)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let isAddress = host.contains(":") || (try? SocketAddress(ipAddress: host, port: 0)) != nil
                let handler = try NIOSSLClientHandler(
                    context: try NIOSSLContext(configuration: .makeClientConfiguration()),
                    serverHostname: isAddress ? nil : host
                ) { (certificates: [NIOSSLCertificate], decision: EventLoopPromise<NIOSSLVerificationResult>) in
                    shown.succeed((try? certificates.first?.toDERBytes()) ?? [])
                    decision.succeed(.failed)
                }
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        }.connect(host: host, port: port)
        connected.whenFailure { shown.fail($0) }
        connected.whenSuccess { channel in
            channel.closeFuture.whenComplete { _ in shown.fail(ChannelError.eof) }
            shown.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
        return (try? await shown.futureResult.get()).flatMap { ServerCertificate(der: $0) }
    }

    /// Why `endpoint` does not believe it, and what to do.
    func refusal(by endpoint: HTTPEndpoint, now: Date = Date()) -> (reason: String, hint: String) {
        let renew = "renew it at the broker (`tls` of its configuration), and check the clock of this machine"
        switch endpoint.trust {
        case .pinnedCertificate, .pinnedDER:
            return (
                "it shows another certificate than --ca has (subject \(text(certificate.subject)), SHA-256 \(Self.mark(der)))",
                "--ca has to be the certificate that the broker shows now (tls.pem of its folder, if nobody replaced it), or an "
                    + "authority of it; or another program has its port"
            )
        case .none, .roots: break
        }
        if now > certificate.notValidAfter {
            return ("its certificate expired at \(time(certificate.notValidAfter))", renew)
        }
        if now < certificate.notValidBefore {
            return ("its certificate is not valid before \(time(certificate.notValidBefore))", renew)
        }
        if !names.isEmpty, !names.contains(where: { Self.covers($0, endpoint.host) }) {
            return (
                "its certificate is for \(names.joined(separator: ", ")) and not for \(endpoint.host)",
                "use one of these names in --broker, or give the broker's own certificate as --ca, under which any name will do"
            )
        }
        return (
            "no authority in --ca vouches for its certificate (subject \(text(certificate.subject)), issuer "
                + "\(text(certificate.issuer)))",
            "--ca has to be the authority that signed it, or the broker's own certificate (tls.pem of its folder)"
        )
    }

    /// The names and addresses that it is for, as far as they are shown.
    private var names: [String] {
        let all = (try? certificate.extensions.subjectAlternativeNames) ?? SubjectAlternativeNames([])
        return all.compactMap { name in
            switch name {
            case .dnsName(let name): ShownText.cut(name, bytes: 256)
            case .ipAddress(let bytes) where bytes.bytes.count == 4:
                bytes.bytes.map(String.init).joined(separator: ".")
            case .ipAddress(let bytes):
                (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes.bytes), port: 0))?.ipAddress
            default: nil
            }
        }
    }

    /// Whether a name is the host's; a star stands for one label.
    private static func covers(_ name: String, _ host: String) -> Bool {
        let (name, host) = (name.lowercased(), host.lowercased())
        guard name.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return name == host }
        return name.dropFirst() == host[dot...]
    }

    private static func mark(_ der: [UInt8]) -> String {
        String(Hex.encode(Array(SHA256.hash(data: der))).prefix(16)) + "…"
    }

    private func text(_ name: DistinguishedName) -> String { ShownText.cut("\(name)", bytes: 128) }

    private func time(_ date: Date) -> String { ReferenceTime.text(Int64(date.timeIntervalSince1970)) }
}
