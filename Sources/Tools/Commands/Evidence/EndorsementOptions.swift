import ArgumentParser
import EndorsementSources
import Foundation
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
        var places = EndorsementPlaces()
        (places.cache, places.folders, places.kds, places.pcs) = (cacheFolder, kdsStore, kds, pcs)
        return try places.fetcher(offline ? .offline : .online, policy: Self.policy)
    }
}
