/// The status of a platform in Intel's words.
public enum TCBStatus: String, Hashable, Sendable, CaseIterable {
    /// Nothing is known against the platform.
    case upToDate = "UpToDate"
    /// Software must be hardened against known weaknesses.
    case swHardeningNeeded = "SWHardeningNeeded"
    /// The platform's configuration exposes it.
    case configurationNeeded = "ConfigurationNeeded"
    /// Both of the above.
    case configurationAndSWHardeningNeeded = "ConfigurationAndSWHardeningNeeded"
    /// Updates are missing.
    case outOfDate = "OutOfDate"
    /// Updates are missing and the configuration exposes the platform.
    case outOfDateConfigurationNeeded = "OutOfDateConfigurationNeeded"
    /// The platform was updated since the trust domain was launched.
    case relaunchAdvised = "TDRelaunchAdvised"
    /// The same, and the configuration exposes the platform.
    case relaunchAdvisedConfigurationNeeded = "TDRelaunchAdvisedConfigurationNeeded"
    /// The platform's keys are not to be trusted.
    case revoked = "Revoked"
    /// Intel names no level that the platform reaches.
    case notSupported = "NotSupported"

    /// Whether evidence of such a platform can be accepted at all.
    public var isAcceptable: Bool { self != .revoked && self != .notSupported }

    /// The statuses that a level of a platform may have.
    static let ofLevels: Set<TCBStatus> = [
        .upToDate, .swHardeningNeeded, .configurationNeeded, .configurationAndSWHardeningNeeded, .outOfDate,
        .outOfDateConfigurationNeeded, .revoked,
    ]
    /// The statuses that a level of an enclave or of a TDX module may have.
    static let ofParts: Set<TCBStatus> = [.upToDate, .outOfDate, .revoked]

    var needsConfiguration: Bool {
        switch self {
        case .configurationNeeded, .configurationAndSWHardeningNeeded, .outOfDateConfigurationNeeded,
            .relaunchAdvisedConfigurationNeeded:
            true
        default: false
        }
    }

    /// The status of a whole whose part (quoting enclave or TDX module) has the status `part`.
    func converged(with part: TCBStatus) -> TCBStatus {
        switch part {
        case .revoked: .revoked
        case .notSupported: .notSupported
        case .outOfDate:
            switch self {
            case .upToDate, .swHardeningNeeded: .outOfDate
            case .configurationNeeded, .configurationAndSWHardeningNeeded: .outOfDateConfigurationNeeded
            default: self
            }
        default: self
        }
    }
}
