/// How a guest is protected and how it proves that, by its name on the wire.
///
/// Each technology maps to exactly one set of trust roots and to the protections it must have at least (rule R6): a root
/// of one set never vouches for the technology of another.
public enum Technology: String, Hashable, Sendable, CaseIterable {
    /// AMD SEV-SNP.
    case snp
    /// The software stand-in for SEV-SNP; no secret is safe from the machine's owner.
    case softSNP = "soft-snp"
    /// Intel TDX.
    case tdx
    /// The software stand-in for TDX; no secret is safe from the machine's owner.
    case softTDX = "soft-tdx"
    /// Intel SGX.
    case sgx
    /// The software stand-in for SGX; no secret is safe from the machine's owner.
    case softSGX = "soft-sgx"
    /// No protection against the host and no evidence.
    case none

    /// The sets of trust roots. No root belongs to two.
    public enum RootSet: String, Hashable, Sendable {
        /// The keys that AMD publishes, built in.
        case amd
        /// The key that Intel publishes, built in.
        case intel
        /// Roots of software stand-ins, each pinned by whoever verifies.
        case soft
        /// No root vouches for this technology.
        case nothing
    }

    /// The one set of roots that vouches for this technology.
    public var roots: RootSet {
        switch self {
        case .snp: .amd
        case .tdx, .sgx: .intel
        case .softSNP, .softTDX, .softSGX: .soft
        case .none: .nothing
        }
    }

    /// What evidence of this technology proves at least.
    public var minimumProtections: Set<Protection> {
        switch self {
        case .snp, .tdx, .sgx: [.attested, .memoryConfidentiality, .memoryIntegrity]
        case .softSNP, .softTDX, .softSGX: [.attested]
        case .none: []
        }
    }

    /// Whether the hardware is simulated; follows from the root set, never from what evidence says of itself.
    public var isSimulated: Bool {
        switch roots {
        case .amd, .intel: false
        case .soft, .nothing: true
        }
    }

    /// Whether the evidence is a report of SEV-SNP, genuine or of a stand-in.
    public var givesSNPReports: Bool { self == .snp || self == .softSNP }
}
