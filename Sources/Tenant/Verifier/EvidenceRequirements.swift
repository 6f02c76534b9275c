import Evidence
import WireFormat

/// What evidence must show beyond being authentic. Every default refuses (rule R6).
public struct EvidenceRequirements: Equatable, Sendable {
    /// Whether a property is demanded.
    public enum Rule: Equatable, Sendable {
        /// Evidence without the property is refused.
        case required
        /// The property is not looked at, for the stated reason, and the verdict says so.
        case ignored(because: String)
    }

    /// The firmware versions that are new enough.
    public enum FirmwareFloor: Equatable, Sendable {
        /// Any that the chain vouches for.
        case any(because: String)
        /// At least these; a product line that is not named is refused.
        case atLeast([ProductLine: TCBVersion.Components])
    }

    /// The providers whose own keys (VLEK) may sign.
    public enum Providers: Equatable, Sendable {
        /// None: only keys of chips.
        case none
        /// Any that AMD certified.
        case any(because: String)
        /// Those with these names.
        case named(Set<String>)
    }

    /// The keys that must have signed the launch.
    public enum IdentityKeys: Equatable, Sendable {
        /// Launches need no identity block.
        case ignored(because: String)
        /// The digests of identity and author key.
        case exactly(identity: [UInt8], author: [UInt8])
    }

    /// The host may not read the guest's memory.
    public var noDebug: Rule
    /// No migration agent may export the guest.
    public var noMigrationAgent: Rule
    /// The guest may not span sockets.
    public var singleSocket: Rule
    /// The highest privilege level number that a report may come from; 0 is the strictest.
    public var highestVMPL: UInt32
    /// The firmware.
    public var firmware: FirmwareFloor
    /// The least security version of the guest.
    public var minimumGuestSVN: UInt32
    /// The report must name the certified chip.
    public var chipIdentity: Rule
    /// The providers.
    public var providers: Providers
    /// The identity keys.
    public var identityKeys: IdentityKeys
    /// The measurement must be a known one; when ignored, the appraisal policy judges it alone.
    public var knownMeasurement: Rule
    /// What is not trusted though AMD vouches for it.
    public var distrust: Distrust

    /// The strict requirements; relax a copy where there is a reason.
    public static let strict = EvidenceRequirements(
        noDebug: .required, noMigrationAgent: .required, singleSocket: .required, highestVMPL: 0,
        firmware: .any(because: "no minimum firmware is configured"), minimumGuestSVN: 0, chipIdentity: .required,
        providers: .none, identityKeys: .ignored(because: "launches are bound by HOST_DATA, not by an identity block"),
        knownMeasurement: .required, distrust: .nothing)
}

/// What one piece of evidence must be bound to.
public struct Expectations: Equatable, Sendable {
    /// What a launch is bound to.
    public enum Launch: Equatable, Sendable {
        /// An init-data document with this digest (32 bytes).
        case initData(digest: [UInt8])
        /// Nothing: HOST_DATA is zero and no init-data came along.
        case unbound
    }

    /// The 64 bytes that the guest's processor must have signed.
    public var reportData: [UInt8]
    /// What the launch must be bound to.
    public var launch: Launch
    /// Whether a debug guest is what was asked for.
    public var allowsDebugGuest: Bool
    /// The version of the guest that the manifest names; nil when it names none.
    public var guestVersion: String?
    /// What the report data was made from (`runtime_data_claims`), for policy and token.
    public var runtimeDataClaims: JSONValue
    /// What the init-data document says (`init_data_claims`), for policy and token.
    public var initDataClaims: JSONValue

    /// States what is expected.
    public init(
        reportData: [UInt8], launch: Launch, allowsDebugGuest: Bool = false, guestVersion: String? = nil,
        runtimeDataClaims: JSONValue = .null, initDataClaims: JSONValue = .null
    ) {
        self.reportData = reportData
        self.launch = launch
        self.allowsDebugGuest = allowsDebugGuest
        self.guestVersion = guestVersion
        self.runtimeDataClaims = runtimeDataClaims
        self.initDataClaims = initDataClaims
    }
}
