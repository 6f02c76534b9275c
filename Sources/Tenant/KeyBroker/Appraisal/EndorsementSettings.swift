import EndorsementSources
import WireFormat

/// Where the broker takes endorsements from that evidence needs and no file has: the member `endorsements` of the
/// configuration. Relative paths start at the folder of the file.
public struct EndorsementSettings: Sendable, Equatable {
    /// The cache, folders in trustee's layout, and the vendors' services or mirrors of them.
    public var places: EndorsementPlaces
    /// Whether nobody is asked: the cache and the folders are all there is, and what is missing is the policy's to judge.
    public var isOffline: Bool
    /// How many seconds a guest waits at most.
    public var seconds: Int64

    /// Takes the member out of the configuration; `absolute` makes a path of a file's name.
    init(_ configuration: inout JSONFields, _ absolute: (String) -> String) throws(WireError) {
        places = EndorsementPlaces()
        places.cache = absolute("endorsements")
        (isOffline, seconds) = (false, 10)
        guard var fields = try configuration.optionalFields("endorsements") else { return }
        places.kds = try fields.optionalStrings("kds")
        places.pcs = try fields.optionalStrings("pcs")
        places.folders = try fields.optionalStrings("kdsStores").map(absolute)
        if let cache = try fields.optionalString("cache") { places.cache = absolute(cache) }
        if let value = fields.optionalValue("offline") {
            guard let isOffline = value.boolValue else { throw fields.refusal("offline", "must be true or false") }
            self.isOffline = isOffline
        }
        seconds = try fields.optionalInteger("seconds") ?? seconds
        guard (1...30).contains(seconds) else { throw fields.refusal("seconds", "must be 1 to 30") }
        try fields.finish()
    }

    /// What supplies the appraisers.
    func supply(clock: BrokerClock) throws(WireError) -> EndorsementSupply {
        // A folder that is not there would be an empty one, and its guests refused without a word why.
        for folder in places.folders { try UsableFolder.check(folder, "kdsStores", isWritten: false) }
        return try EndorsementSupply(
            places, isOffline ? .offline : .online, limit: .seconds(seconds), clock: { clock.seconds })
    }
}
