import Evidence
import Verifier
import WireFormat

/// Cases of confidential machines on Azure: HCL reports with the vTPM's quotes.
enum AzureCases {
    static func play(_ known: EvidenceCase) throws -> CaseResult {
        if known.files["tpm_message"] == nil, known.files["wire_json"] == nil { return try playReport(known) }
        let evidence = try evidence(known)
        let nonce = try nonce(known, evidence)
        guard known.tee == "az-snp-vtpm" else { return try playTDX(known, evidence, nonce) }
        let policy = try SNPCasePolicy(known, beside: ["nonce", "product"])
        let now = try known.now()
        let verifier = AzureSNPVerifier(
            hardware: SNPVerifier(
                anchors: try TrustAnchors(softRoots: []),
                collateral: .revocationListOptional(because: "the case has none"), clock: { now }),
            requirements: .anySelection)
        let verified = try verifier.verify(
            evidence, authorities: [.ask: try known.bytes("intermediate"), .ark: try known.bytes("root")],
            revocationList: try known.optionalBytes("crl"), nonce: nonce)
        if let product = try known.text("product"), product != verified.hardware.productLine.rawValue {
            return CaseResult(.reject, reason: "product: the case is about \(ShownText.cut(product, bytes: 64))")
        }
        _ = try policy.appraise(verified.hardware)
        var claims = claims(verified.report, verified.runtime, verified.runtimeDigest, verified.quote)
        claims["snp"] = SNPCases.claims(verified.hardware, verified.hardware.report)
        return CaseResult(.accept, claims: .object(claims))
    }

    private static func playTDX(
        _ known: EvidenceCase, _ evidence: AzureVTPMEvidence, _ nonce: [UInt8]
    ) throws -> CaseResult {
        let pinned = try IntelCases.pinnedRoots(known)
        let requirements = try IntelCases.requirements(known, beside: ["nonce"])
        let anchors = try TrustAnchors(softRoots: pinned)
        let technology: Technology = pinned.isEmpty ? .tdx : .softTDX
        var endorsements = IntelVerifier.Endorsements.none(because: "the case has no published data")
        if let bytes = try known.optionalBytes("collateral") {
            let collateral = try IntelCollateral(json: try JSONValue.parse(bytes))
            endorsements = .collateral(try CheckedCollateral(collateral, for: technology, anchors: anchors))
        }
        let now = try known.now()
        let verifier = AzureTDXVerifier(
            hardware: IntelVerifier(anchors: anchors, clock: { now }), requirements: .anySelection)
        let verified = try verifier.verify(evidence, as: technology, endorsements, nonce: nonce)
        _ = try requirements.check(verified.hardware)
        var claims = claims(verified.report, verified.runtime, verified.runtimeDigest, verified.quote)
        claims["td"] = IntelCases.claims(
            verified.hardware.quote, verified.hardware.endorsement.platform, simulated: !pinned.isEmpty)
        let status = verified.hardware.endorsement.tcb?.status
        let isGood = status == nil || status == .upToDate
        return CaseResult(
            isGood ? .accept : .conditional, tcbStatus: status?.rawValue,
            reason: isGood ? "ok" : "tcb-status: \(status?.rawValue ?? "")", claims: .object(claims))
    }

    /// A case without a quote is about the report's shape: whether its hardware part is over the runtime data.
    private static func playReport(_ known: EvidenceCase) throws -> CaseResult {
        let report = try HCLReport(parsing: try known.bytes("hcl_report"))
        let kind: HCLReport.Kind = known.tee == "az-snp-vtpm" ? .snp : .tdx
        let binding = try HCLReportBinding(report, kind: kind)
        return CaseResult(
            .accept,
            claims: [
                "var_hash": .string(Hex.encode(binding.digest)),
                "report_data_prefix": .string(Hex.encode((report.reportData(as: kind) ?? []).prefix(32))),
                "report_type": .integer(Int64(report.kind.rawValue)),
                "hash_type": .integer(Int64(report.hashType.rawValue)), "version": .integer(Int64(report.version)),
                "keys": keys(binding.runtime),
            ])
    }

    /// The evidence in the case's files, in its JSON, or in both if they say the same.
    private static func evidence(_ known: EvidenceCase) throws -> AzureVTPMEvidence {
        let wire = try known.optionalBytes("wire_json").map {
            try AzureVTPMEvidence(json: try JSONValue.parse($0))
        }
        guard known.files["tpm_message"] != nil else {
            guard let wire else { throw WireError(field: "wire_json", reason: "is missing") }
            return wire
        }
        let registers = try PCRBanks(json: try JSONValue.parse(try known.bytes("pcrs")))
        let endorsement: AzureVTPMEvidence.Endorsement =
            known.tee == "az-snp-vtpm"
            ? .chipCertificate(try CertificateTable.der(of: try known.bytes("leaf"), field: "leaf"))
            : .quote(try known.bytes("td_quote"))
        let evidence = AzureVTPMEvidence(
            generation: wire?.generation ?? 0, hclReport: try known.bytes("hcl_report"),
            message: try known.bytes("tpm_message"), signature: try known.bytes("tpm_signature"),
            registers: registers.leading(.sha256), endorsement: endorsement)
        if let wire, wire != evidence {
            throw WireError(field: "wire_json", reason: "differs from the files of the case")
        }
        return evidence
    }

    /// The nonce that the case expects; a case that names none takes the quote's own.
    private static func nonce(_ known: EvidenceCase, _ evidence: AzureVTPMEvidence) throws -> [UInt8] {
        if let nonce = try known.hex("nonce") { return nonce }
        return try TPMAttestation(parsing: evidence.message).extraData
    }

    /// What verified evidence says beside the hardware's part.
    static func claims(
        _ report: HCLReport, _ runtime: AzureRuntimeData, _ digest: [UInt8], _ quote: VerifiedTPMQuote
    ) -> [String: JSONValue] {
        var runtimeClaims: [String: JSONValue] = ["keys": keys(runtime)]
        if let configuration = runtime.configuration { runtimeClaims["vm-configuration"] = configuration }
        if let userData = runtime.userData { runtimeClaims["user-data"] = .string(userData) }
        var registers: [String: JSONValue] = [:]
        for (register, value) in quote.registers.values[.sha256] ?? [:] {
            registers[String(register)] = .string(Hex.encode(value))
        }
        return [
            "quote": .object(TPMCases.claims(quote.signed.attestation)), "runtime_claims": .object(runtimeClaims),
            "pcrs": .object(registers),
            "hcl": [
                "version": .integer(Int64(report.version)), "report_size": .integer(Int64(report.statedSize)),
                "request_type": .integer(Int64(report.requestType)),
                "report_type": .integer(Int64(report.kind.rawValue)),
                "hash_type": .integer(Int64(report.hashType.rawValue)),
                "var_size": .integer(Int64(report.runtimeData.count)), "var_hash": .string(Hex.encode(digest)),
            ],
        ]
    }

    private static func keys(_ runtime: AzureRuntimeData) -> JSONValue {
        .array(runtime.keys.map { .string($0.name) })
    }
}
