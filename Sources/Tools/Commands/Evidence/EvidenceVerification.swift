import Crypto
import Evidence
import Verifier
import WireFormat

/// Verifies a file of evidence with files of endorsements.
struct EvidenceVerification {
    /// What came of it.
    struct Outcome {
        /// The vendor's word for the platform's status, where there is one.
        var tcbStatus: String?
        /// All that was looked at, in order.
        var fields: [FieldVerdict]
        /// The claims, under the names that attestation policies know.
        var claims: JSONValue
        /// What the machine protects.
        var protections: ProtectionView
        /// Whether the root is that of a software stand-in.
        var simulated = false
        /// What kept the evidence from being accepted though nothing in it is wrong; nil when nothing did.
        var reservation: String?
    }

    /// The claims as attestation policies get them: below the technology's name.
    func policyInput(_ outcome: Outcome) -> JSONValue {
        switch technology {
        case "tpm": outcome.claims
        case "sev-snp": .object(["snp": outcome.claims])
        default: .object([technology: outcome.claims])
        }
    }

    let technology: String
    let endorsements: EndorsementFiles
    /// SHA-256 of the roots of stand-ins that are trusted.
    let softRoots: Set<[UInt8]>
    /// What the evidence must be bound to; nil is not looked at.
    let reportData: [UInt8]?
    let initData: [UInt8]?
    let allowsDebug: Bool
    /// The key that a TPM is known to have, when it is known.
    let attestationKey: [UInt8]?
    /// Seconds since 1970.
    let now: Int64

    /// The names that `--tee` takes.
    static let technologies = [
        "snp", "sev-snp", "soft-snp", "tdx", "soft-tdx", "sgx", "soft-sgx", "tpm", "az-snp-vtpm", "az-tdx-vtpm",
    ]

    /// Verifies evidence presented as the technology.
    ///
    /// - Throws: ``EvidenceRefusal`` when it is not to be believed, ``WireError`` when an endorsement cannot be read.
    func verify(_ file: EvidenceFile) throws -> Outcome {
        switch (file, technology) {
        case (.snp(let evidence), "snp"), (.snp(let evidence), "sev-snp"): try verify(evidence, as: .snp)
        case (.snp(let evidence), "soft-snp"): try verify(evidence, as: .softSNP)
        case (.quote(let quote), "tdx"): try verify(domain: quote, as: .tdx)
        case (.quote(let quote), "soft-tdx"): try verify(domain: quote, as: .softTDX)
        case (.quote(let quote), "sgx"): try verify(enclave: quote, as: .sgx)
        case (.quote(let quote), "soft-sgx"): try verify(enclave: quote, as: .softSGX)
        case (.tpm(let evidence), "tpm"): try verify(evidence)
        case (.azure(let evidence), "az-snp-vtpm"), (.azure(let evidence), "az-tdx-vtpm"): try verify(evidence)
        default: throw WireError(field: "--tee \(technology)", reason: "the file is a \(file.kind)")
        }
    }

    private var relaxed: EvidenceRequirements.Rule { .ignored(because: "nothing was demanded") }

    private func anchors() throws -> TrustAnchors { try TrustAnchors(softRoots: softRoots) }

    private func snpVerifier() throws -> SNPVerifier {
        let now = now
        return SNPVerifier(
            anchors: try anchors(), collateral: .revocationListOptional(because: "no list was given"),
            revocationLists: endorsements.amdRevocationLists, clock: { now })
    }

    private func verify(_ evidence: SNPEvidence, as technology: Technology) throws -> Outcome {
        let certificates = try endorsements.certificates(for: evidence)
        let verified = try snpVerifier().verify(
            RawEvidence(
                technology: technology, evidence: SNPEvidence(report: evidence.report, certificates: certificates)))
        var requirements = EvidenceRequirements.strict
        requirements.noDebug = allowsDebug ? relaxed : .required
        requirements.singleSocket = relaxed
        requirements.knownMeasurement = relaxed
        requirements.highestVMPL = 3
        requirements.providers = .any(because: "none was named")
        let report = verified.report
        let hostData = initData.map { Self.padded($0, 32) } ?? report.hostData
        let appraisal = try Appraiser(requirements: requirements, references: .none).appraise(
            verified,
            expecting: Expectations(
                reportData: reportData.map { Self.padded($0, 64) } ?? report.reportData,
                launch: hostData.allSatisfy { $0 == 0 } ? .unbound : .initData(digest: hostData)))
        return Outcome(
            fields: appraisal.fields.filter { $0.field != "status" }.map(notDemanded), claims: verified.claims,
            protections: ProtectionView(verified, firmware: requirements.firmware), simulated: verified.simulated)
    }

    /// Bindings that nobody asked about were compared with themselves: they count as not checked.
    func notDemanded(_ field: FieldVerdict) -> FieldVerdict {
        guard field.verdict == .passed else { return field }
        let option: String
        switch field.field {
        case "report data" where reportData == nil: option = "--report-data"
        case "host data" where initData == nil: option = "--init-data"
        case "extraData" where reportData == nil: option = "--report-data"
        default: return field
        }
        return FieldVerdict(
            field: field.field, value: field.value, verdict: .notChecked, reason: "no \(option) was given")
    }

    private func intel(_ technology: Technology, _ anchors: TrustAnchors) throws -> IntelVerifier.Endorsements {
        guard let collateral = try endorsements.intel else {
            return .none(because: "no collateral was given")
        }
        return .collateral(try CheckedCollateral(collateral, for: technology, anchors: anchors))
    }

    private func quoteRequirements(_ initData: QuoteRequirements.Field, _ length: Int) -> QuoteRequirements {
        var requirements = QuoteRequirements.strict
        requirements.noDebug = allowsDebug ? relaxed : .required
        requirements.septVEDisable = relaxed
        requirements.noServiceTD = relaxed
        // The status is the answer, not a demand: the exit status tells.
        requirements.status = relaxed
        if let reportData { requirements.expected[.reportData] = Self.padded(reportData, 64) }
        if let data = self.initData { requirements.expected[initData] = Self.padded(data, length) }
        return requirements
    }

    private func verify(domain quote: Quote, as technology: Technology) throws -> Outcome {
        let (anchors, now) = (try anchors(), now)
        let verified = try IntelVerifier(anchors: anchors, clock: { now }).verify(
            tdx: quote, as: technology, try intel(technology, anchors))
        let fields = try quoteRequirements(.mrConfigID, 48).check(verified)
        return Outcome(
            tcbStatus: verified.endorsement.tcb?.status.rawValue, fields: fields, claims: verified.claims,
            protections: ProtectionView(verified), simulated: verified.simulated)
    }

    private func verify(enclave quote: Quote, as technology: Technology) throws -> Outcome {
        let (anchors, now) = (try anchors(), now)
        let verified = try IntelVerifier(anchors: anchors, clock: { now }).verify(
            sgx: quote, as: technology, try intel(technology, anchors))
        let fields = try quoteRequirements(.configurationID, 64).check(verified)
        return Outcome(
            tcbStatus: verified.endorsement.tcb?.status.rawValue, fields: fields, claims: verified.claims,
            protections: ProtectionView(verified), simulated: verified.simulated)
    }

    private func verify(_ evidence: EvidenceFile.TPMEvidence) throws -> Outcome {
        let verifier = TPMQuoteVerifier()
        let signed = try verifier.authenticate(
            evidence.message, signature: try TPMSignature(parsing: evidence.signature),
            key: try AttestationKey(parsing: attestationKey ?? evidence.key))
        let verified = try verifier.verify(
            signed, nonce: reportData ?? signed.attestation.extraData,
            registers: try PCRBanks(json: evidence.registers))
        if let initData { try verified.requireInitData(digest: initData) }
        var outcome = Outcome(
            fields: verified.fields.map(notDemanded),
            claims: .object(["tpm": .object(Self.registers(verified.registers))]),
            protections: ProtectionView(tpm: attestationKey != nil))
        // Whoever sends the evidence chose the key in it: software can sign as well as a TPM.
        if attestationKey == nil {
            outcome.reservation = "nobody vouches for the key that signed; --attestation-key FILE names the TPM's"
        }
        return outcome
    }

    private func verify(_ evidence: AzureVTPMEvidence) throws -> Outcome {
        let nonce = try reportData ?? TPMAttestation(parsing: evidence.message).extraData
        guard technology == "az-snp-vtpm" else {
            let (anchors, now) = (try anchors(), now)
            let verified = try AzureTDXVerifier(hardware: IntelVerifier(anchors: anchors, clock: { now })).verify(
                evidence, as: .tdx, try intel(.tdx, anchors), nonce: nonce)
            if let initData { try verified.quote.requireInitData(digest: initData) }
            return Outcome(
                tcbStatus: verified.hardware.endorsement.tcb?.status.rawValue, fields: verified.fields.map(notDemanded),
                claims: verified.hardware.claims, protections: ProtectionView(verified.hardware))
        }
        let report = try SNPReport(parsing: try HCLReport(parsing: evidence.hclReport).hardwareReport)
        var certificates: [CertificateTable.Kind: [UInt8]] = [:]
        if case .chipCertificate(let der) = evidence.endorsement { certificates[.vcek] = der }
        let verified = try AzureSNPVerifier(hardware: try snpVerifier()).verify(
            evidence,
            authorities: try endorsements.certificates(
                for: SNPEvidence(report: report, certificates: certificates)), nonce: nonce)
        if let initData { try verified.quote.requireInitData(digest: initData) }
        return Outcome(
            fields: verified.fields.map(notDemanded), claims: verified.hardware.claims,
            protections: ProtectionView(verified.hardware, firmware: EvidenceRequirements.strict.firmware))
    }

    private static func registers(_ banks: PCRBanks) -> [String: JSONValue] {
        var registers: [String: JSONValue] = [:]
        for (register, value) in banks.values[.sha256] ?? [:] {
            registers["pcr\(register < 10 ? "0" : "")\(register)"] = .string(Hex.encode(value))
        }
        return registers
    }

    /// Shorter values stand at the front, zeros behind them, as in the key broker protocol.
    private static func padded(_ bytes: [UInt8], _ length: Int) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: max(length - bytes.count, 0))
    }
}
