import Envelope
import HTTPExchange
import ImageFormat
import NIOCore
import Registry

/// Finds out which digest an image's tag stands for.
public protocol DigestResolving: Sendable {
    /// The digest of `image`; an image that names one is not looked up.
    func digest(of image: String) async throws -> SHA256Digest
}

/// Asks the tenant's registry.
public struct RegistryDigests: DigestResolving {
    private let endpoint: HTTPEndpoint
    private let loop: any EventLoop

    /// Creates a resolver.
    ///
    /// - Parameters:
    ///   - url: The registry's address, as in the tenant's profile.
    ///   - certificate: PEM of its certificate; empty for plain HTTP.
    ///   - loop: The event loop for the requests.
    public init(url: String, certificate: String, loop: any EventLoop) throws {
        self.endpoint = try HTTPEndpoint(
            url: url, trust: certificate.isEmpty ? .none : .pinnedCertificate(pem: certificate))
        self.loop = loop
    }

    /// Looks the tag up with the registry of the profile; images of other registries are refused by the rendering.
    public func digest(of image: String) async throws -> SHA256Digest {
        let reference = try ImageReference(image)
        if let digest = reference.digest { return digest }
        let loop = self.loop
        let client = RegistryClient(endpoint: self.endpoint) { endpoint in
            HTTPExchanger(
                endpoint: endpoint, dialer: TCPDialer(), eventLoopGroup: loop, timeoutSeconds: 10, connectSeconds: 5)
        }
        return try await client.digest(of: reference)
    }
}
