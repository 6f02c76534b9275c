import Foundation
import HTTPExchange
import NIOPosix
import Verifier
import WireFormat

/// Where endorsements are taken from: a cache, folders, and the vendors' services or mirrors of them.
public struct EndorsementPlaces: Sendable, Equatable {
    /// The folder in which what was fetched is kept; nil keeps nothing.
    public var cache: String?
    /// Folders of certificates of AMD's chips in trustee's layout, which come before services.
    public var folders: [String] = []
    /// Addresses of AMD's key distribution service, in order; empty for AMD's own.
    public var kds: [String] = []
    /// Addresses of Intel's provisioning service or caches of it, in order; empty for Intel's own.
    public var pcs: [String] = []

    /// The vendors' own services, and nothing kept.
    public init() {}

    /// What obtains endorsements from these places.
    ///
    /// - Parameters:
    ///   - mode: Whether services are asked.
    ///   - policy: How often and how long.
    /// - Throws: ``WireError`` naming an address that is none.
    public func fetcher(
        _ mode: EndorsementFetcher.Mode, policy: RetryPolicy = .standard
    ) throws(WireError) -> EndorsementFetcher {
        EndorsementFetcher(
            cache: cache.map { EndorsementCache(folder: $0) }, folders: folders.map { OfflineStore(folder: $0) },
            services: mode == .online ? try services(policy) : [], mode: mode)
    }

    private func services(_ policy: RetryPolicy) throws(WireError) -> [WebSource] {
        let roots = Self.systemRoots()
        func source(_ service: PublishingService, _ urls: [String]) throws(WireError) -> WebSource {
            var mirrors: [ServiceAddress] = []
            for url in urls.isEmpty ? [service.home] : urls {
                do throws(WireError) { mirrors.append(try ServiceAddress(url, roots: roots)) } catch {
                    throw WireError(field: "address \(url.prefix(80))", reason: error.reason)
                }
            }
            return WebSource(
                service, mirrors: mirrors, policy: policy, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        }
        var services = [try source(.keyDistribution, kds), try source(.provisioning, pcs)]
        // Intel's own service lacks the list of its root; who names other places wants no other asked.
        if services[1].mirrors.contains(where: { $0.text == PublishingService.provisioning.home }) {
            services.append(try source(.rootList, []))
        }
        return services
    }

    /// The roots of web servers that this machine trusts, in PEM; `SSL_CERT_FILE` names others. None when there are none:
    /// what is fetched is believed for its signatures, but then nothing is reached over TLS.
    private static func systemRoots() -> [String] {
        let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]
        let paths = ProcessInfo.processInfo.environment["SSL_CERT_FILE"].map { [$0] } ?? usual
        for path in paths {
            guard let bytes = FileManager.default.contents(atPath: path) else { continue }
            return [String(decoding: bytes, as: UTF8.self)]
        }
        return []
    }
}
