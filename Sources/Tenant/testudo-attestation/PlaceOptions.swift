import ArgumentParser
import EndorsementSources
import WireFormat

/// Where the service takes endorsements from that evidence needs and no file has.
struct PlaceOptions: ParsableArguments {
    @Flag(help: "Fetch nothing; policies judge evidence without what is missing.") var offline = false
    @Option(
        help: ArgumentHelp(
            "Where fetched endorsements are kept (default: endorsements in --state).", valueName: "folder"))
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
    @Option(help: ArgumentHelp("How long a call waits for what is fetched.", valueName: "seconds")) var fetchSeconds =
        10

    /// What supplies the service.
    ///
    /// - Parameter state: The folder of what the service keeps, if there is one.
    func supply(state: String?, clock: @escaping @Sendable () -> Int64) throws(WireError) -> EndorsementSupply {
        guard (1...60).contains(fetchSeconds) else {
            throw WireError(field: "--fetch-seconds", reason: "must be 1 to 60")
        }
        var places = EndorsementPlaces()
        places.cache = cache ?? state.map { "\($0)/endorsements" }
        (places.folders, places.kds, places.pcs) = (kdsStore, kds, pcs)
        return try EndorsementSupply(
            places, offline ? .offline : .online, limit: .seconds(fetchSeconds), clock: clock)
    }
}
