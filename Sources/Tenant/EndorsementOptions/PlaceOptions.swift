import ArgumentParser
import EndorsementSources
import WireFormat

/// Where endorsements are taken from that evidence needs and no file has: the options that the command line and the services
/// have in common.
public struct PlaceOptions: ParsableArguments {
    /// Whether nobody is asked.
    @Flag(help: "Fetch nothing: files, the cache and --kds-store are all there is; what is missing is judged without.")
    public var offline = false
    /// The folder in which what was fetched is kept.
    @Option(
        help: ArgumentHelp(
            "Where fetched endorsements are kept (default: testudo/endorsements in the user's cache; of a service, endorsements in "
                + "its --state).", valueName: "folder"))
    public var cache: String?
    /// AMD's service or mirrors of it.
    @Option(
        help: ArgumentHelp(
            "AMD's key distribution service or a mirror of it, tried in order (default: \(PublishingService.keyDistribution.home)).",
            valueName: "url"))
    public var kds: [String] = []
    /// Intel's service or caches of it.
    @Option(
        help: ArgumentHelp(
            "Intel's provisioning service or a cache of it (PCCS), tried in order (default: \(PublishingService.provisioning.home)).",
            valueName: "url"))
    public var pcs: [String] = []
    /// Folders in trustee's layout.
    @Option(
        help: ArgumentHelp("A folder of certificates of AMD's chips in trustee's layout; often.", valueName: "folder"))
    public var kdsStore: [String] = []

    /// Creates the group.
    public init() {}

    /// Whether services are asked.
    public var mode: EndorsementFetcher.Mode { offline ? .offline : .online }

    /// The places.
    ///
    /// - Parameter cache: The folder where none was named; nil keeps nothing.
    /// - Throws: ``WireError`` naming the option whose folder cannot be used.
    public func places(cache fallback: String?) throws(WireError) -> EndorsementPlaces {
        var places = EndorsementPlaces()
        places.cache = cache ?? fallback
        (places.folders, places.kds, places.pcs) = (kdsStore, kds, pcs)
        for folder in kdsStore { try UsableFolder.check(folder, "--kds-store", isWritten: false) }
        // A cache that nobody named need not be: without one, what is needed is fetched each time.
        if let cache { try UsableFolder.check(cache, "--cache", isWritten: !offline) }
        return places
    }
}
