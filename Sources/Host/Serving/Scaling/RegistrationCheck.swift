import Envelope
import HTTPExchange
import NIOCore
import PodManifest
import WireFormat

/// Whether the tenant registered a manifest with its key broker.
public enum Registration: Equatable, Sendable {
    /// The broker knows the digest.
    case registered
    /// The broker does not know it; no key will be released.
    case unknown
    /// The broker could not be asked, for this reason.
    case unreachable(String)
    /// The class has no broker.
    case notNeeded
}

/// Asks key brokers about digests.
public protocol RegistrationChecking: Sendable {
    /// Whether `manifest`, whose envelope has `digest`, is registered with its own broker.
    func check(_ manifest: PodManifest, digest: SHA256Digest) async -> Registration
}

/// Asks over TLS with the certificate that the manifest pins.
///
/// The answer steers conditions only: what decides is the broker itself, when the guest asks it for keys.
public struct BrokerRegistrations: RegistrationChecking {
    private let loop: any EventLoop

    /// Asks on this event loop.
    public init(loop: any EventLoop) { self.loop = loop }

    /// One request to the broker's public `registration` endpoint.
    public func check(_ manifest: PodManifest, digest: SHA256Digest) async -> Registration {
        guard !manifest.keyBroker.url.isEmpty else { return .notNeeded }
        do {
            let endpoint = try HTTPEndpoint(
                url: manifest.keyBroker.url, trust: .pinnedCertificate(pem: manifest.keyBroker.certificate))
            let exchanger = HTTPExchanger(
                endpoint: endpoint, dialer: TCPDialer(), eventLoopGroup: self.loop, maxBody: 64 << 10,
                timeoutSeconds: 5, connectSeconds: 5)
            let answer = try await exchanger.send(
                ExchangeRequest(method: "GET", path: "/kbs/v0/testudo/registration/\(digest.hex)"))
            guard answer.status == 200, let known = try JSONValue.parse(answer.body)["registered"]?.boolValue else {
                return .unreachable("the key broker answered with status \(answer.status)")
            }
            return known ? .registered : .unknown
        } catch {
            return .unreachable("\(error)")
        }
    }
}
