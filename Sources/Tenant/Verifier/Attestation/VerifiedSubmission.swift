import Evidence
import WireFormat

/// The kind of device that evidence is of, as the submodules of a token are named: `cpu0`, `gpu0`, …
public enum DeviceClass: String, Sendable {
    /// A machine or a part of one.
    case cpu
    /// An accelerator.
    case gpu
}

/// Evidence that is authentic and bound to what was demanded, with its claims. Only ``SubmissionVerifier`` makes it.
public struct VerifiedSubmission: Sendable {
    /// The technology by its name on the wire.
    public let tee: String
    /// The kind of device.
    public let deviceClass: DeviceClass
    /// The claims under the names that trustee publishes.
    public let claims: [String: JSONValue]
    /// What the machine protects.
    public let protections: ProtectionView
    /// Whether the root is one of a software stand-in.
    public let simulated: Bool
    /// Whether the host may look into the guest.
    public let debug: Bool
    /// The measurement of all that boots, where there is one: the launch measurement, or a ``BootMeasurement``.
    public let measurement: [UInt8]?
    /// The vendor's word for the platform's status, where there is one.
    public let tcbStatus: String?
    /// All that was looked at, in order.
    public let fields: [FieldVerdict]
    /// What the report data were made from.
    public let runtimeDataClaims: JSONValue
    /// What the init-data say.
    public let initDataClaims: JSONValue

    init(
        _ submission: Submission, claims: [String: JSONValue], protections: ProtectionView, simulated: Bool = false,
        debug: Bool = false, measurement: [UInt8]? = nil, tcbStatus: String? = nil, fields: [FieldVerdict]
    ) {
        tee = submission.tee
        deviceClass = .cpu
        self.claims = claims
        self.protections = protections
        self.simulated = simulated
        self.debug = debug
        self.measurement = measurement
        self.tcbStatus = tcbStatus
        self.fields = fields
        runtimeDataClaims = submission.runtimeDataClaims
        initDataClaims = submission.initDataClaims
    }

    /// What policies get as `input` and tokens carry as annotated evidence: trustee's members, and `protections`.
    public var annotatedEvidence: JSONValue {
        [
            tee: .object(claims), "report_data": claims["report_data"] ?? .null,
            "init_data": claims["init_data"] ?? .null, "runtime_data_claims": runtimeDataClaims,
            "init_data_claims": initDataClaims, "protections": .array(protections.names.map { .string($0) }),
        ]
    }
}
