import ArgumentParser
import EndorsementSources
import Foundation
import NIOPosix
import Verifier
import WireFormat

/// Where a command takes endorsements from, beside the files that it is given.
struct EndorsementOptions: ParsableArguments {
    @Flag(help: "Fetch nothing: files, the cache and --kds-store are all there is.") var offline = false
    @Option(
        help: ArgumentHelp(
            "Where fetched endorsements are kept (default: ~/.cache/testudo/endorsements).", valueName: "folder"))
    var cache: String?
    @Option(
        help: ArgumentHelp(
            "AMD's key distribution service or a mirror of it, tried in order (default: \(PublishingService.keyDistribution.home)).",
            valueName: "url"))
    var kds: [String] = []
    @Option(
        help: ArgumentHelp(
            "Intel's provisioning service or a cache of it (PCCS), tried in order (default: \(PublishingService.provisioning.home)).",
            valueName: "url"))
    var pcs: [String] = []
    @Option(
        help: ArgumentHelp("A folder of certificates of AMD's chips in trustee's layout; often.", valueName: "folder"))
    var kdsStore: [String] = []

    /// Patience of somebody who waits at a terminal.
    private static let policy: RetryPolicy = {
        var policy = RetryPolicy.standard
        (policy.longestAsked, policy.totalLimit) = (.seconds(10), .seconds(15))
        return policy
    }()

    private var cacheFolder: String {
        if let cache { return cache }
        let environment = ProcessInfo.processInfo.environment
        let base = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        return "\(base ?? "\(environment["HOME"] ?? "/tmp")/.cache")/testudo/endorsements"
    }

    /// What obtains endorsements as the options say.
    func fetcher() throws(WireError) -> EndorsementFetcher {
        let folders = kdsStore.map { OfflineStore(folder: $0) }
        let cache = EndorsementCache(folder: cacheFolder)
        guard !offline else { return EndorsementFetcher(cache: cache, folders: folders, services: [], mode: .offline) }
        let roots = (try? RegistryAccess.systemRoots()).map { [$0] } ?? []
        func source(_ service: PublishingService, _ urls: [String]) throws(WireError) -> WebSource {
            var mirrors: [ServiceAddress] = []
            for url in urls.isEmpty ? [service.home] : urls {
                do throws(WireError) { mirrors.append(try ServiceAddress(url, roots: roots)) } catch {
                    throw WireError(field: "address \(url.prefix(80))", reason: error.reason)
                }
            }
            return WebSource(
                service, mirrors: mirrors, policy: Self.policy, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        }
        var services = [try source(.keyDistribution, kds), try source(.provisioning, pcs)]
        // Intel's own service lacks the list of its root; who names other places wants no other asked.
        if services[1].mirrors.contains(where: { $0.text == PublishingService.provisioning.home }) {
            services.append(try source(.rootList, []))
        }
        return EndorsementFetcher(cache: cache, folders: folders, services: services, mode: .online)
    }
}
