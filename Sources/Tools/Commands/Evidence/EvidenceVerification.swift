import EndorsementSources
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
        /// What was launched, where the technology measures that.
        var measurement: [UInt8]?
        /// The registers that a TPM's quote vouches for.
        var registers: PCRBanks?
        /// The input of attestation policies.
        var annotated: JSONValue = .null

        /// Whether nothing speaks against accepting it.
        var isGood: Bool { reservation == nil && (tcbStatus == nil || tcbStatus == TCBStatus.upToDate.rawValue) }
    }

    /// What was done about parts of files that expired.
    enum Renewal {
        /// Newer ones were fetched.
        case done
        /// They could not be had.
        case failed
        /// Nobody was asked.
        case offline
        /// Nobody publishes any: the evidence is a stand-in's.
        case nobody
    }

    let technology: String
    let endorsements: EndorsementFiles
    /// What the evidence needs and nobody had.
    let missing: [EndorsementGathering.Missing]
    /// What the files have and was not current any more.
    let expired: [EndorsementFiles.Expired]
    /// What was done about that.
    let renewal: Renewal
    /// Whether nobody was asked.
    let isOffline: Bool
    /// Certificates of TPMs' keys.
    let tpm: TPMEndorsements
    /// SHA-256 of the roots of stand-ins that are trusted.
    let softRoots: Set<[UInt8]>
    /// What the evidence must be bound to; nil is not looked at.
    let reportData: [UInt8]?
    let initData: [UInt8]?
    /// The launch measurements that would do; none is looked at when there are none.
    let measurements: Set<[UInt8]>
    /// The values that a TPM's registers must have; nil is not looked at.
    let registers: PCRBanks?
    /// The attestation policy that judges claims; nil judges none.
    let policy: AttestationPolicy?
    /// What is not trusted though its vendor vouches for it.
    let distrust: Distrust
    /// What the machine must protect.
    let protections: [String]
    let allowsDebug: Bool
    /// The highest privilege level number that a report of SEV-SNP may come from.
    let highestVMPL: UInt32
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
        var outcome = try authenticate(file)
        if !measurements.isEmpty, let found = outcome.measurement {
            guard measurements.allSatisfy({ $0.count == found.count }) else {
                throw WireError(field: "--measurement", reason: "must have \(found.count) bytes")
            }
            outcome.fields = try DemandedValues.measurement(found, among: measurements, after: outcome.fields)
        }
        if let wanted = registers, let held = outcome.registers {
            outcome.fields = try DemandedValues.registers(held, as: wanted, after: outcome.fields)
        }
        try outcome.protections.require(protections)
        if let policy {
            let (fields, tier) = try DemandedValues.policy(policy, judges: outcome.annotated, after: outcome.fields)
            outcome.fields = fields
            if tier == .warning, outcome.reservation == nil {
                outcome.reservation = "the attestation policy \(policy.identifier) warns"
            }
        }
        if isQuoteOfIntel, outcome.tcbStatus == nil, !missing.isEmpty, !isOffline, outcome.reservation == nil {
            outcome.reservation = "the vendor's status of the platform could not be fetched"
        }
        return outcome
    }

    private var isQuoteOfIntel: Bool { ["tdx", "sgx", "az-tdx-vtpm"].contains(technology) }
    private var isTPM: Bool { ["tpm", "az-snp-vtpm", "az-tdx-vtpm"].contains(technology) }

    /// What nobody asked about, with the option that would.
    func notCompared(_ outcome: Outcome) -> [String] {
        var open: [String] = []
        if reportData == nil { open.append("the \(isTPM ? "nonce" : "report data") (--report-data)") }
        if initData == nil { open.append("init-data (--init-data)") }
        let isBare = technology == "tpm"
        if measurements.isEmpty, !isBare || registers == nil {
            let what = isBare ? "what booted" : "the measurement"
            let options = isBare ? "--registers, --reference-values" : "--measurement, --reference-values"
            switch policy {
            case nil: open.append("\(what) (\(options))")
            case .some(let policy) where policy.identifier != DefaultPolicy.identifier:
                open.append("\(what), unless policy \(policy.identifier) does (\(options))")
            case .some: break
            }
        }
        if outcome.fields.contains(where: { $0.field.hasSuffix("revocation") && $0.verdict == .notChecked }) {
            open.append("whether a certificate was revoked")
        }
        if isQuoteOfIntel, outcome.tcbStatus == nil { open.append("the vendor's status of the platform") }
        return open
    }

    /// What was made of files that are out of date, and of values that are shorter than their field.
    var notes: [String] {
        expired.map { part in
            let advice = "--endorsement takes a newer file, --time verifies as of then"
            let rest =
                switch renewal {
                case .done: "fetched anew"
                case .failed: "and a newer one could not be fetched; \(advice)"
                case .offline: "without --offline it is fetched anew; \(advice)"
                case .nobody: advice
                }
            return "note: \(part.name) in the files expired at \(ReferenceTime.text(part.until)): \(rest)"
        } + shortened
    }

    private var shortened: [String] {
        [("--report-data", reportData, 64), ("--init-data", initData, initDataLength)].compactMap {
            name, value, length in
            guard let value, !isTPM, value.count < length else { return nil }
            return "note: \(name) has \(value.count) bytes: the \(length - value.count) behind them must be zero"
        }
    }

    private var initDataLength: Int {
        switch technology {
        case "tdx", "soft-tdx": 48
        case "sgx", "soft-sgx": 64
        default: 32
        }
    }

    private func authenticate(_ file: EvidenceFile) throws -> Outcome {
        switch (file, technology) {
        case (.snp(let evidence), "snp"), (.snp(let evidence), "sev-snp"): try verify(evidence, as: .snp)
        case (.snp(let evidence), "soft-snp"): try verify(evidence, as: .softSNP)
        case (.quote(let quote), "tdx"): try verify(domain: quote, as: .tdx)
        case (.quote(let quote), "soft-tdx"): try verify(domain: quote, as: .softTDX)
        case (.quote(let quote), "sgx"): try verify(enclave: quote, as: .sgx)
        case (.quote(let quote), "soft-sgx"): try verify(enclave: quote, as: .softSGX)
        case (.tpm(let evidence), "tpm"): try verify(evidence)
        case (.azure(let evidence), "az-snp-vtpm"), (.azure(let evidence), "az-tdx-vtpm"): try verify(evidence)
        default: throw WireError(field: "--tee \(technology)", reason: "the file is \(file.article) \(file.kind)")
        }
    }

    private var relaxed: EvidenceRequirements.Rule { .ignored(because: "nothing was demanded") }

    private func anchors() throws -> TrustAnchors { try TrustAnchors(softRoots: softRoots) }

    private func snpVerifier() throws -> SNPVerifier {
        let now = now
        return SNPVerifier(
            anchors: try anchors(),
            collateral: .revocationListOptional(
                because: missing.isEmpty || isOffline ? "no list was given" : "no list could be fetched"),
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
        requirements.highestVMPL = highestVMPL
        requirements.providers = .any(because: "none was named")
        requirements.distrust = distrust
        let report = verified.report
        let hostData = try initData.map { try Self.padded($0, 32, "--init-data") } ?? report.hostData
        let appraisal = try Appraiser(requirements: requirements, references: .none).appraise(
            verified,
            expecting: Expectations(
                reportData: try reportData.map { try Self.padded($0, 64, "--report-data") } ?? report.reportData,
                launch: hostData.allSatisfy { $0 == 0 } ? .unbound : .initData(digest: hostData)))
        return Outcome(
            fields: appraisal.fields.filter { $0.field != "status" }.map(notDemanded), claims: verified.claims,
            protections: ProtectionView(verified, firmware: requirements.firmware), simulated: verified.simulated,
            measurement: report.measurement.bytes,
            annotated: appraisal.annotatedEvidence)
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
            return .none(
                because: missing.isEmpty || isOffline ? "no collateral was given" : "no collateral could be fetched")
        }
        return .collateral(try CheckedCollateral(collateral, for: technology, anchors: anchors))
    }

    private func quoteRequirements(
        _ initData: QuoteRequirements.Field, _ length: Int
    ) throws(WireError) -> QuoteRequirements {
        var requirements = QuoteRequirements.strict
        requirements.noDebug = allowsDebug ? relaxed : .required
        requirements.septVEDisable = relaxed
        requirements.noServiceTD = relaxed
        // The status is the answer, not a demand: the exit status tells.
        requirements.status = relaxed
        requirements.distrust = distrust
        if let reportData {
            requirements.expected[.reportData] = try Self.padded(reportData, 64, "--report-data")
        }
        if let data = self.initData { requirements.expected[initData] = try Self.padded(data, length, "--init-data") }
        return requirements
    }

    private func verify(domain quote: Quote, as technology: Technology) throws -> Outcome {
        let (anchors, now) = (try anchors(), now)
        let verified = try IntelVerifier(anchors: anchors, clock: { now }).verify(
            tdx: quote, as: technology, try intel(technology, anchors))
        let fields = try quoteRequirements(.mrConfigID, 48).check(verified)
        return Outcome(
            tcbStatus: verified.endorsement.tcb?.status.rawValue, fields: fields, claims: verified.claims,
            protections: ProtectionView(verified), simulated: verified.simulated, measurement: verified.report.mrTD,
            annotated: annotated(technology.rawValue, verified.claims))
    }

    private func verify(enclave quote: Quote, as technology: Technology) throws -> Outcome {
        let (anchors, now) = (try anchors(), now)
        let verified = try IntelVerifier(anchors: anchors, clock: { now }).verify(
            sgx: quote, as: technology, try intel(technology, anchors))
        let fields = try quoteRequirements(.configurationID, 64).check(verified)
        return Outcome(
            tcbStatus: verified.endorsement.tcb?.status.rawValue, fields: fields, claims: verified.claims,
            protections: ProtectionView(verified), simulated: verified.simulated,
            measurement: verified.report.mrEnclave,
            annotated: annotated(technology.rawValue, verified.claims))
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
            protections: ProtectionView(tpm: attestationKey != nil), registers: verified.registers)
        outcome.annotated = annotated("tpm", verified.claims)
        let finding = try tpm.examine(signed.key, at: now, fields: &outcome.fields)
        guard attestationKey == nil else { return outcome }
        switch finding {
        case .attestationKey: outcome.protections = ProtectionView(tpm: true)
        case .endorsementKeyOnly:
            outcome.reservation =
                "the endorsement key's certificate is genuine, but whether the key that signed lives in the same TPM cannot be "
                + "found out from files: it takes a credential for that key which this TPM opens (TPM2_MakeCredential); "
                + "a certificate of the attestation key, or --attestation-key FILE, says it"
        case .nothing:
            // Whoever sends the evidence chose the key in it: software can sign as well as a TPM.
            outcome.reservation =
                "nobody vouches for the key that signed; --attestation-key FILE names the TPM's, --endorsement FILE "
                + "with --tpm-root FILE brings its certificate"
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
            let distrusted = try distrust.check(verified.hardware.endorsement)
            return Outcome(
                tcbStatus: verified.hardware.endorsement.tcb?.status.rawValue,
                fields: verified.fields.map(notDemanded) + distrusted, claims: verified.hardware.claims,
                protections: ProtectionView(verified.hardware), measurement: verified.hardware.report.mrTD,
                registers: verified.quote.registers, annotated: annotated(technology, verified.claims))
        }
        let report = try SNPReport(parsing: try HCLReport(parsing: evidence.hclReport).hardwareReport)
        var certificates: [CertificateTable.Kind: [UInt8]] = [:]
        if case .chipCertificate(let der) = evidence.endorsement { certificates[.vcek] = der }
        let verified = try AzureSNPVerifier(hardware: try snpVerifier()).verify(
            evidence,
            authorities: try endorsements.certificates(
                for: SNPEvidence(report: report, certificates: certificates)), nonce: nonce)
        if let initData { try verified.quote.requireInitData(digest: initData) }
        let distrusted = try distrust.check(verified.hardware)
        return Outcome(
            fields: verified.fields.map(notDemanded) + distrusted, claims: verified.hardware.claims,
            protections: ProtectionView(verified.hardware, firmware: EvidenceRequirements.strict.firmware),
            measurement: verified.hardware.report.measurement.bytes, registers: verified.quote.registers,
            annotated: annotated(technology, verified.claims))
    }

    private static func registers(_ banks: PCRBanks) -> [String: JSONValue] {
        var registers: [String: JSONValue] = [:]
        for (register, value) in banks.values[.sha256] ?? [:] {
            registers["pcr\(register < 10 ? "0" : "")\(register)"] = .string(Hex.encode(value))
        }
        return registers
    }

    /// The input of attestation policies, as the key broker protocol has it.
    private func annotated(_ name: String, _ claims: JSONValue) -> JSONValue {
        var members: [String: JSONValue] = [name: claims]
        for member in ["report_data", "init_data"] { members[member] = claims[member] }
        return .object(members)
    }

    /// A digest stands at the front, zeros behind it, as in the key broker protocol; anything else is given whole.
    private static func padded(_ bytes: [UInt8], _ length: Int, _ option: String) throws(WireError) -> [UInt8] {
        guard bytes.count == length || (bytes.count < length && [32, 48].contains(bytes.count)) else {
            let digests = length > 48 ? ", or a digest of 32 or 48" : length > 32 ? ", or a digest of 32" : ""
            throw WireError(field: option, reason: "has \(bytes.count) bytes; it needs \(length)\(digests)")
        }
        return bytes + [UInt8](repeating: 0, count: length - bytes.count)
    }
}
