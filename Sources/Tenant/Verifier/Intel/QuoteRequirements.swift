import Evidence
import WireFormat

/// What a quote must show beyond being authentic. Every default refuses.
public struct QuoteRequirements: Equatable, Sendable {
    /// A member of a quote's body that a value can be demanded of.
    public enum Field: String, Hashable, Sendable, CaseIterable {
        /// The launch measurement of a trust domain.
        case mrTD = "mrtd"
        /// The configuration of a trust domain.
        case mrConfigID = "mrconfigid"
        /// The owner of a trust domain.
        case mrOwner = "mrowner"
        /// The owner's configuration of a trust domain.
        case mrOwnerConfig = "mrownerconfig"
        /// The TDX module.
        case mrSEAM = "mrseam"
        /// The signer of the TDX module.
        case mrSignerSEAM = "mrsignerseam"
        /// The attributes of the TDX module.
        case seamAttributes = "seamattributes"
        /// The attributes of a trust domain.
        case tdAttributes = "tdattributes"
        /// The extended state of a trust domain.
        case xfam
        /// The first register.
        case rtmr0
        /// The second register.
        case rtmr1
        /// The third register.
        case rtmr2
        /// The fourth register.
        case rtmr3
        /// The security versions at the launch.
        case tcbSVN = "tee_tcb_svn"
        /// The security versions now.
        case tcbSVN2 = "tee_tcb_svn2"
        /// The service trust domains.
        case mrServiceTD = "mrservicetd"
        /// The measurement of an enclave.
        case mrEnclave = "mrenclave"
        /// The signer of an enclave.
        case mrSigner = "mrsigner"
        /// The product number of an enclave, two bytes little-endian.
        case productID = "isvprodid"
        /// The security version of an enclave, two bytes little-endian.
        case isvSVN = "isvsvn"
        /// The extended product number of an enclave.
        case extendedProductID = "isvextprodid"
        /// The product family of an enclave.
        case familyID = "isvfamilyid"
        /// The configuration of an enclave.
        case configurationID = "config_id"
        /// The configuration's security version, two bytes little-endian.
        case configurationSVN = "config_svn"
        /// The attributes of an enclave.
        case attributes
        /// The extended state of an enclave that is saved.
        case miscSelect = "miscselect"
        /// The processor's security version.
        case cpuSVN = "cpusvn"
        /// What the quoted software put in.
        case reportData = "report_data"

        /// The check that refuses when it is another.
        var check: EvidenceCheck {
            switch self {
            case .reportData: .reportData
            case .mrConfigID, .configurationID: .hostData
            default: .measurement
            }
        }
    }

    /// The host may not read the memory.
    public var noDebug: EvidenceRequirements.Rule
    /// Missing pages end the trust domain; without this the host can swap pages for empty ones under a Linux guest.
    public var septVEDisable: EvidenceRequirements.Rule
    /// No service trust domain is bound.
    public var noServiceTD: EvidenceRequirements.Rule
    /// The trust domain cannot be exported to another machine.
    public var notMigratable: EvidenceRequirements.Rule
    /// What is not trusted though Intel vouches for it.
    public var distrust: Distrust
    /// The statuses that are good enough; without any of Intel's data none is known, which never is.
    public var statuses: Set<TCBStatus>
    /// Whether a quote without a status is good enough.
    public var status: EvidenceRequirements.Rule
    /// The least evaluation number of Intel's data.
    public var minimumEvaluationNumber: Int
    /// Values that members of the body must have.
    public var expected: [Field: [UInt8]]

    /// Nothing is relaxed, no value is demanded.
    public static let strict = QuoteRequirements(
        noDebug: .required, septVEDisable: .required, noServiceTD: .required, notMigratable: .required,
        distrust: .nothing, statuses: [.upToDate], status: .required,
        minimumEvaluationNumber: 0, expected: [:])

    /// Checks the quote of a trust domain; answers all that was looked at.
    public func check(_ verified: VerifiedTDXQuote) throws(EvidenceRefusal) -> [FieldVerdict] {
        var record = verified.record
        let report = verified.report
        try distrust.check(verified.endorsement, &record)
        try checkStatus(verified.endorsement, &record)
        try Self.apply(noDebug, !report.attributes.debug, .debug, "debug", "the host may read the memory", &record)
        try Self.apply(
            septVEDisable, report.attributes.septVEDisable, .septVEDisable, "SEPT_VE_DISABLE",
            "the host could make pages vanish unnoticed", &record)
        try Self.apply(
            noServiceTD, report.mrServiceTD?.allSatisfy { $0 == 0 } ?? true, .serviceTD, "MRSERVICETD",
            "a service trust domain is bound to the guest", &record)
        try Self.apply(
            notMigratable, !report.attributes.migratable, .migratable, "MIGRATABLE",
            "the trust domain may be exported to another machine", &record)
        try checkValues(&record) { Self.value($0, of: report) }
        return record.fields
    }

    /// Checks the quote of an enclave; answers all that was looked at.
    public func check(_ verified: VerifiedSGXQuote) throws(EvidenceRefusal) -> [FieldVerdict] {
        var record = verified.record
        try distrust.check(verified.endorsement, &record)
        try checkStatus(verified.endorsement, &record)
        try Self.apply(noDebug, !verified.report.isDebug, .debug, "debug", "the host may read the memory", &record)
        try checkValues(&record) { Self.value($0, of: verified.report) }
        return record.fields
    }

    private func checkStatus(
        _ endorsement: QuoteEndorsement, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let number = endorsement.tcb?.evaluationNumber ?? 0
        try record.require(
            number >= minimumEvaluationNumber, .evaluationNumber, "evaluation number", "\(number)",
            passed: "at least \(minimumEvaluationNumber)", failed: "less than \(minimumEvaluationNumber)")
        if case .ignored(let reason) = status {
            record.skip("TCB policy", endorsement.tcb?.status.rawValue ?? "unknown", because: reason)
            return
        }
        try record.require(
            endorsement.tcb.map { statuses.contains($0.status) } ?? false, .minimumTCB, "TCB policy",
            endorsement.tcb?.status.rawValue ?? "unknown", passed: "good enough", failed: "not good enough")
    }

    private static func apply(
        _ rule: EvidenceRequirements.Rule, _ holds: Bool, _ check: EvidenceCheck, _ field: String, _ failed: String,
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        switch rule {
        case .required:
            try record.require(
                holds, check, field, holds ? "as wanted" : "not as wanted", passed: "required", failed: failed)
        case .ignored(let reason): record.skip(field, holds ? "as wanted" : "not as wanted", because: reason)
        }
    }

    private func checkValues(
        _ record: inout VerificationRecord, _ value: (Field) -> [UInt8]?
    ) throws(EvidenceRefusal) {
        for (field, wanted) in expected.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let found = value(field)
            try record.require(
                found == wanted, field.check, field.rawValue, found.map { Hex.encode($0) } ?? "none",
                passed: "as expected", failed: "\(field.rawValue) is not \(Hex.encode(wanted))")
        }
    }

    private static func value(_ field: Field, of report: TDReport) -> [UInt8]? {
        switch field {
        case .mrTD: report.mrTD
        case .mrConfigID: report.mrConfigID
        case .mrOwner: report.mrOwner
        case .mrOwnerConfig: report.mrOwnerConfig
        case .mrSEAM: report.mrSEAM
        case .mrSignerSEAM: report.mrSignerSEAM
        case .seamAttributes: report.seamAttributes
        case .tdAttributes: report.attributes.bytes
        case .xfam: report.xfam
        case .rtmr0: report.rtmr[0]
        case .rtmr1: report.rtmr[1]
        case .rtmr2: report.rtmr[2]
        case .rtmr3: report.rtmr[3]
        case .tcbSVN: report.tcbSVN
        case .tcbSVN2: report.tcbSVN2
        case .mrServiceTD: report.mrServiceTD
        case .reportData: report.reportData
        case .mrEnclave, .mrSigner, .productID, .isvSVN, .extendedProductID, .familyID, .configurationID,
            .configurationSVN, .attributes, .miscSelect, .cpuSVN:
            nil
        }
    }

    private static func value(_ field: Field, of report: SGXReportBody) -> [UInt8]? {
        func bytes(_ number: UInt16) -> [UInt8] {
            [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
        }
        return switch field {
        case .mrEnclave: report.mrEnclave
        case .mrSigner: report.mrSigner
        case .productID: bytes(report.productID)
        case .isvSVN: bytes(report.isvSVN)
        case .extendedProductID: report.extendedProductID
        case .familyID: report.familyID
        case .configurationID: report.configurationID
        case .configurationSVN: bytes(report.configurationSVN)
        case .attributes: report.attributes
        case .miscSelect: report.miscSelect
        case .cpuSVN: report.cpuSVN
        case .reportData: report.reportData
        case .mrTD, .mrConfigID, .mrOwner, .mrOwnerConfig, .mrSEAM, .mrSignerSEAM, .seamAttributes, .tdAttributes,
            .xfam, .rtmr0, .rtmr1, .rtmr2, .rtmr3, .tcbSVN, .tcbSVN2, .mrServiceTD:
            nil
        }
    }
}
