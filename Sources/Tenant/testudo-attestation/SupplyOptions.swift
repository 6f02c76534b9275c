import ArgumentParser
import EndorsementOptions
import EndorsementSources
import WireFormat

/// How the service is supplied with endorsements that evidence needs and no file has.
struct SupplyOptions: ParsableArguments {
    @OptionGroup var places: PlaceOptions
    @Option(help: ArgumentHelp("How long a call waits for what is fetched.", valueName: "seconds")) var fetchSeconds =
        10

    /// What supplies the service.
    ///
    /// - Parameter state: The folder of what the service keeps, if there is one.
    func supply(state: String?, clock: @escaping @Sendable () -> Int64) throws(WireError) -> EndorsementSupply {
        guard (1...60).contains(fetchSeconds) else {
            throw WireError(field: "--fetch-seconds", reason: "must be 1 to 60")
        }
        return try EndorsementSupply(
            try places.places(cache: state.map { "\($0)/endorsements" }), places.mode, limit: .seconds(fetchSeconds),
            clock: clock)
    }
}
