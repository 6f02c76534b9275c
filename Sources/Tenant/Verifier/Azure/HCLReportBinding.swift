import Evidence
import WireFormat

/// The runtime data of an HCL report, bound to report data of the hardware. Whether that hardware is genuine is a matter of its own.
public struct HCLReportBinding: Sendable {
    /// The report.
    public let report: HCLReport
    /// The runtime data.
    public let runtime: AzureRuntimeData
    /// SHA-256 of the runtime data.
    public let digest: [UInt8]

    /// Checks that `report` is of the wanted kind and that its hardware report is over its runtime data.
    public init(_ report: HCLReport, kind: HCLReport.Kind) throws(EvidenceRefusal) {
        var record = VerificationRecord()
        try self.init(report, kind: kind, record: &record)
    }

    /// Checks that `report` is of the wanted kind and that its hardware report is over its runtime data.
    init(_ report: HCLReport, kind: HCLReport.Kind, record: inout VerificationRecord) throws(EvidenceRefusal) {
        try record.require(
            report.kind == kind, .azureReportType, "report type", "\(report.kind.rawValue)",
            passed: "is the technology's", failed: "the report is of other hardware")
        try record.require(
            report.hashType == .sha256, .azureHashType, "hash type", "\(report.hashType.rawValue)",
            passed: "is SHA-256", failed: "is not SHA-256")
        digest = TPMHash.sha256.digest(report.runtimeData)
        let reportData = report.reportData(as: kind) ?? []
        try record.require(
            reportData == Self.reportData(digest), .azureRuntimeData, "runtime data", Hex.encode(digest),
            passed: "the hardware report is over them", failed: "the hardware report is over other runtime data")
        runtime = try record.parsed { () throws(WireError) in try AzureRuntimeData(parsing: report.runtimeData) }
        self.report = report
    }

    /// The digest as it stands in report data: with 32 zeros behind.
    static func reportData(_ digest: [UInt8]) -> [UInt8] { digest + [UInt8](repeating: 0, count: 32) }

    /// Checks the TPM's quote with the attestation key of the runtime data.
    func verifyQuote(
        _ evidence: AzureVTPMEvidence, nonce: [UInt8], requirements: TPMQuoteRequirements,
        record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> VerifiedTPMQuote {
        let key = try record.parsed { () throws(WireError) in
            guard let named = runtime.attestationKey else {
                throw WireError(field: "keys", reason: "have no \(AzureRuntimeData.attestationKeyName)")
            }
            return try AttestationKey(modulus: named.modulus, exponent: named.exponent)
        }
        let registers = try record.parsed { () throws(WireError) in
            var registers = PCRBanks()
            for (register, value) in evidence.registers.enumerated() { try registers.set(.sha256, register, value) }
            return registers
        }
        let verifier = TPMQuoteVerifier(requirements: requirements)
        let signed = try verifier.authenticate(
            evidence.message, signature: .rsaSSA(hash: .sha256, bytes: evidence.signature), key: key)
        let quote = try verifier.verify(signed, nonce: nonce, registers: registers)
        try checkUserData(evidence, nonce, &record)
        return quote
    }

    /// From the second generation on, the agent has the nonce put into the runtime data too.
    private func checkUserData(
        _ evidence: AzureVTPMEvidence, _ nonce: [UInt8], _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        guard evidence.generation >= 2 else { return }
        let userData = runtime.userData ?? ""
        try record.require(
            userData.lowercased().hasPrefix(Hex.encode(nonce)), .azureUserData, "user data", userData,
            passed: "begin with the nonce", failed: "the runtime data were made for another nonce")
    }
}
