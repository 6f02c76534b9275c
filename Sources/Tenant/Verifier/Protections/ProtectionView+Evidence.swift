import Evidence

extension ProtectionView {
    /// What a guest under SEV-SNP is protected from.
    ///
    /// - Parameters:
    ///   - verified: The report and who vouches for it.
    ///   - firmware: The firmware that was demanded, which the report met.
    public init(_ verified: VerifiedEvidence, firmware: EvidenceRequirements.FirmwareFloor) {
        self.init(verified.simulated ? .simulated : .sevSNP)
        guard !verified.simulated else { return }
        let report = verified.report
        setDebugging(report.policy.allowsDebug)
        let migrates = report.policy.allowsMigrationAgent
        set(.migrationOff, !migrates, migrates ? "a migration agent may export the guest" : "no agent may export it")
        if report.policy.requiresCiphertextHiding, !report.policy.allowsDebug {
            set(.ciphertextHiding, true, "the guest's policy demands it of the firmware")
        }
        if report.platformInfo.aliasCheckComplete {
            set(.aliasCheck, true, "the firmware checked memory for aliases (AMD-SB-3015)")
        }
        switch firmware {
        case .any: set(.firmwareCurrency, false, "AMD publishes no status, and no minimum firmware is configured")
        case .atLeast(let floors):
            let line = verified.productLine
            let isMet = floors[line].map { report.reportedTCB.components(line.layout).meets($0) } ?? false
            set(.firmwareCurrency, isMet, isMet ? "at least the configured firmware" : "older than configured")
        }
    }

    /// What a trust domain is protected from.
    public init(_ verified: VerifiedTDXQuote) {
        self.init(verified.simulated ? .simulated : .tdx)
        guard !verified.simulated else { return }
        let report = verified.report
        setDebugging(report.attributes.debug)
        if !report.attributes.septVEDisable {
            // Linux accepts a page that it misses: the host could swap one for an empty one.
            lose([.memoryIntegrity], "SEPT_VE_DISABLE is off, so that the host can make pages vanish unnoticed")
        }
        let isServed = report.mrServiceTD?.contains { $0 != 0 } ?? false
        let migrates = isServed || report.attributes.migratable
        set(
            .migrationOff, !migrates,
            migrates ? "the domain is migratable or has a service domain" : "neither migratable nor served")
        setFirmware(verified.endorsement)
    }

    /// What an enclave is protected from.
    public init(_ verified: VerifiedSGXQuote) {
        self.init(verified.simulated ? .simulated : .sgx)
        guard !verified.simulated else { return }
        setDebugging(verified.report.isDebug)
        set(.migrationOff, true, "an enclave's memory cannot leave its processor")
        setFirmware(verified.endorsement)
    }

    /// What a realm is protected from.
    public init(_ verified: VerifiedCCAToken) {
        self.init(.cca)
        setDebugging(!verified.platform.isSecured)
        set(.migrationOff, true, "the realm management monitor has no migration")
    }

    /// What a machine with nothing but a TPM is protected from.
    ///
    /// - Parameter isKnown: Whether somebody vouches that the key is one of a TPM; software can sign as well.
    public init(tpm isKnown: Bool) {
        self.init(.tpm)
        if !isKnown { set(.attested, false, "nobody vouches that the key that signed is one of a TPM") }
    }

    private mutating func setFirmware(_ endorsement: QuoteEndorsement) {
        let status = endorsement.tcb?.status
        set(
            .firmwareCurrency, status == .upToDate,
            status.map { "Intel's status of the platform is \($0.rawValue)" } ?? "Intel's status is not known")
    }
}
