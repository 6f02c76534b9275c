import Evidence

/// A way to isolate guests, and what it protects at best. Facts; what a given machine protects is for ``ProtectionView``.
public enum IsolationMechanism: String, Hashable, Sendable, CaseIterable {
    /// AMD SEV: encrypted memory, registers in clear at each exit (AMD white paper of 2020, table 1).
    case sev
    /// AMD SEV-ES: registers are encrypted and checked too (AMD 70259; the same table).
    case sevES = "sev-es"
    /// AMD SEV-SNP: the reverse map table keeps the host from writing, aliasing and remapping guest memory, and keys are
    /// derived from the firmware's version (the same table; AMD 56860, 3.1).
    case sevSNP = "sev-snp"
    /// Intel TDX: memory encrypted with a key of the domain, integrity by MAC or owner bit, state in the module's memory
    /// (Intel 344425, TDX module base specification, chapters 10 and 11).
    case tdx
    /// Intel SGX: encrypted enclave pages that the EPCM ties to their enclave and address (Intel SDM volume 3D, chapter 34).
    case sgx
    /// Arm CCA: granule protection keeps everybody else out of a realm's memory, which is encrypted outside of the chip (Arm
    /// DEN0129, RME system architecture; DEN0137, realm management monitor).
    case cca
    /// A TPM measures what boots and isolates nothing.
    case tpm
    /// A software stand-in isolates nothing from its owner.
    case simulated

    /// What the mechanism protects when everything that weakens it is off.
    public var strongest: Set<Protection> {
        switch self {
        case .sev: [.attested, .memoryConfidentiality]
        case .sevES: [.attested, .memoryConfidentiality, .registerConfidentiality, .registerIntegrity]
        case .sevSNP, .tdx, .sgx:
            [
                .attested, .memoryConfidentiality, .memoryIntegrity, .replayProtection, .registerConfidentiality,
                .registerIntegrity, .rollbackProtection,
            ]
        case .cca:
            [
                .attested, .memoryConfidentiality, .memoryIntegrity, .replayProtection, .registerConfidentiality,
                .registerIntegrity,
            ]
        case .tpm, .simulated: [.attested]
        }
    }

    /// Why the mechanism does not give a protection that it never gives, or that evidence of it does not show.
    func absence(of protection: Protection) -> String {
        switch (self, protection) {
        case (.simulated, _): "a software stand-in protects nothing from its owner"
        case (.tpm, _): "a TPM says what booted and isolates nothing"
        case (.sevSNP, .interruptProtection): "restricted injection is an option that the report does not show"
        case (.tdx, .interruptProtection): "the host may inject interrupts of vectors above 30"
        case (.sgx, .interruptProtection): "the host may interrupt an enclave after any instruction"
        case (.sevSNP, .aliasCheck): "the firmware did not say that it checked memory for aliases"
        case (.sevSNP, .ciphertextHiding): "the guest's policy does not demand that ciphertext is hidden"
        case (.sev, .registerConfidentiality), (.sev, .registerIntegrity): "registers are in clear at each exit"
        case (.sev, .memoryIntegrity), (.sevES, .memoryIntegrity), (.sev, .replayProtection),
            (.sevES, .replayProtection):
            "the host can write, replay and remap encrypted memory"
        default: "\(rawValue) does not give it, or evidence of it does not show it"
        }
    }
}
