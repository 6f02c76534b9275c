import Evidence
import Verifier
import WireFormat

/// The evidence of one `/attest`, already tied to the session: the appraiser compares, it does not derive.
public struct EvidenceBundle: Sendable {
    /// The TEE's wire name, such as `snp`.
    public let technology: String
    /// The primary evidence as the guest sent it.
    public let primaryEvidence: JSONValue
    /// The 64 bytes that the report data must have: a digest of 48 and zeros.
    public let reportData: [UInt8]
    /// What the launch must be bound to (HOST_DATA, MRCONFIGID, PCR 8, …): the digest of the init-data by its own
    /// algorithm; nil when there is none, and then the launch must be bound to nothing.
    public let hostData: [UInt8]?
    /// The init-data, when they are a document of the protocol.
    public let initData: InitDataDocument?
    /// Whether the manifest itself asks for a debug guest.
    public let allowsDebugGuest: Bool
    /// The version of the guest that the manifest names; nil when the init-data is no manifest of Testudo's.
    public let guestVersion: String?
    /// What the report data was made from.
    public let runtimeDataClaims: JSONValue
    /// The measurements of released guests.
    public let references: ReferenceValues
    /// Hardware that is not trusted though its vendor vouches for it.
    public var distrust = Distrust.nothing
}

/// What an appraiser vouches for after every check passed.
public struct AppraisedEvidence: Sendable, Equatable {
    /// The TEE's wire name.
    public var technology: String
    /// Whether a software root signed the evidence.
    public var simulated: Bool
    /// Whether the guest can be looked into.
    public var debug: Bool
    /// The launch measurement in lower-case hexadecimal; empty where there is none.
    public var measurement: String
    /// What the machine protects; nil when the appraiser does not say, which is nothing but that it was attested.
    public var protections: ProtectionView?
    /// The appraisal as the token carries it under `submods.cpu0`.
    public var submodule: JSONValue

    /// Creates the result of an appraisal.
    public init(
        technology: String, simulated: Bool, debug: Bool, measurement: String, protections: ProtectionView? = nil,
        submodule: JSONValue
    ) {
        self.technology = technology
        self.simulated = simulated
        self.debug = debug
        self.measurement = measurement
        self.protections = protections
        self.submodule = submodule
    }
}

extension AppraisedEvidence {
    /// Refuses a machine that lacks a protection that the manifest demands.
    func require(_ protections: [String]) throws(AppraisalFailure) {
        let wanted = self.protections == nil ? protections.filter { $0 != Protection.attested.rawValue } : protections
        guard let first = wanted.first else { return }
        guard let view = self.protections else {
            throw AppraisalFailure(
                check: EvidenceCheck.protection.rawValue, reason: "\(first) is demanded and missing: nothing is known")
        }
        do {
            try view.require(wanted)
        } catch {
            throw AppraisalFailure(check: error.check.rawValue, reason: error.reason)
        }
    }
}

/// Why evidence was refused.
public struct AppraisalFailure: Error, Equatable, Sendable {
    /// The check that failed.
    public let check: String
    /// What was found, for whoever sent the evidence.
    public let reason: String
    /// What only the tenant learns, in the audit log: places and files of the broker. Empty when there is nothing.
    public let note: String

    /// Creates a refusal.
    public init(check: String, reason: String, note: String = "") {
        self.check = check
        self.reason = reason
        self.note = note
    }
}

/// Checks evidence against its roots, the expected report data and host data, and the released measurements.
///
/// A result means that all of them hold.
public protocol EvidenceAppraiser: Sendable {
    /// The TEE names that this appraiser understands.
    var technologies: Set<String> { get }

    /// Appraises one piece of evidence.
    func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence
}
