import EndorsementOptions
import EndorsementSources
import Foundation
import WireFormat

/// What a command obtains endorsements with.
enum TerminalFetching {
    /// Patience of somebody who waits at a terminal.
    private static let policy: RetryPolicy = {
        var policy = RetryPolicy.standard
        (policy.longestAsked, policy.totalLimit) = (.seconds(10), .seconds(15))
        return policy
    }()

    private static var usualCache: String {
        let environment = ProcessInfo.processInfo.environment
        let base = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        return "\(base ?? "\(environment["HOME"] ?? "/tmp")/.cache")/testudo/endorsements"
    }

    /// What obtains endorsements as the options say.
    static func fetcher(_ options: PlaceOptions) throws(WireError) -> EndorsementFetcher {
        try options.places(cache: usualCache).fetcher(options.mode, policy: policy)
    }
}
