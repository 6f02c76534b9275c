import Crypto
import Evidence
import Verifier
import WireFormat

/// Cases of Intel: TDX and SGX quotes with Intel's published data.
enum IntelCases {
    static func play(_ known: EvidenceCase) throws -> CaseResult {
        let quote = try Quote(parsing: try known.optionalBytes("evidence") ?? known.bytes("quote"))
        let pinned = try pinnedRoots(known)
        do {
            return try play(known, quote, pinned)
        } catch let refusal as EvidenceRefusal {
            // Nothing is claimed of refused evidence; what it says of itself is listed.
            return CaseResult(
                .reject,
                tcbStatus: refusal.fields.last { $0.field == "TCB status" && $0.verdict != .notChecked }?.value,
                reason: refusal.description,
                claims: claims(quote, QuoteInspection(quote).platform, simulated: !pinned.isEmpty))
        }
    }

    /// The fingerprints of the roots that the case trusts beside Intel's: those of `trust_roots`, or else the file `root`. They
    /// are trusted as those of stand-ins and never vouch for hardware (rule R6).
    static func pinnedRoots(_ known: EvidenceCase) throws -> Set<[UInt8]> {
        var roots = try known.listed("trust_roots")
        if known.params["trust_roots"] == nil, let root = try known.optionalBytes("root") { roots.append(root) }
        let others = try roots.map { try CertificateTable.der(of: $0, field: "root") }.filter {
            !TrustAnchors.isIntelRoot($0)
        }
        return Set(others.map { Array(SHA256.hash(data: $0)) })
    }

    private static func play(_ known: EvidenceCase, _ quote: Quote, _ pinned: Set<[UInt8]>) throws -> CaseResult {
        let now = try known.now()
        let anchors = try TrustAnchors(softRoots: pinned)
        let isDomain = known.tee == "tdx"
        let technology: Technology =
            isDomain ? (pinned.isEmpty ? .tdx : .softTDX) : (pinned.isEmpty ? .sgx : .softSGX)
        var endorsements = IntelVerifier.Endorsements.none(because: "the case has no published data")
        if let bytes = try known.optionalBytes("collateral") {
            let collateral = try IntelCollateral(json: try JSONValue.parse(bytes))
            endorsements = .collateral(try CheckedCollateral(collateral, for: technology, anchors: anchors))
        }
        let verifier = IntelVerifier(anchors: anchors, clock: { now })
        let requirements = try requirements(known)
        let endorsement: QuoteEndorsement
        if isDomain {
            let verified = try verifier.verify(tdx: quote, as: technology, endorsements)
            _ = try requirements.check(verified)
            try EventLogCases.replay(known, rtmrs: verified.report.rtmr)
            endorsement = verified.endorsement
        } else {
            let verified = try verifier.verify(sgx: quote, as: technology, endorsements)
            _ = try requirements.check(verified)
            endorsement = verified.endorsement
        }
        let status = endorsement.tcb?.status
        let isGood = status == nil || status == .upToDate
        return CaseResult(
            isGood ? .accept : .conditional, tcbStatus: status?.rawValue,
            reason: isGood ? "ok" : "tcb-status: \(status?.rawValue ?? "")",
            claims: claims(quote, endorsement.platform, simulated: !pinned.isEmpty))
    }

    /// What a case demands beside authenticity; what it does not name is relaxed, since cases are laxer than our defaults.
    static func requirements(_ known: EvidenceCase, beside names: Set<String> = []) throws -> QuoteRequirements {
        let relaxed = EvidenceRequirements.Rule.ignored(because: "the case does not ask for it")
        var demands = try CaseDemands(
            known, lookingAt: names.union(["policy", "expected_report_data", "trust_roots"]))
        var requirements = QuoteRequirements.strict
        requirements.noDebug = try demands.allowsDebug() ? relaxed : .required
        requirements.septVEDisable = try demands.flag("require_sept_ve_disable") ? .required : relaxed
        requirements.noServiceTD = try demands.flag("forbid_service_td") ? .required : relaxed
        requirements.notMigratable = try demands.flag("forbid_migratable") ? .required : relaxed
        requirements.status = relaxed
        requirements.minimumEvaluationNumber = try demands.number("min_tcb_eval") ?? 0
        let members = QuoteRequirements.Field.allCases.map(\.rawValue) + ["reportdata"]
        for (name, value) in try demands.expected(members) { try expect(name, value, &requirements) }
        try demands.finish()
        return requirements
    }

    private static func expect(
        _ name: String, _ value: JSONValue, _ requirements: inout QuoteRequirements
    ) throws {
        guard let field = QuoteRequirements.Field(rawValue: name == "reportdata" ? "report_data" : name) else {
            throw WireError(
                field: "policy.\(ShownText.cut(name, bytes: 64))", reason: "is not a member of a quote")
        }
        let bytes: [UInt8]
        if let text = value.stringValue {
            bytes = try Hex.decode(text, field: name)
        } else if let number = value.integerValue.flatMap(UInt16.init(exactly:)) {
            bytes = [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
        } else {
            throw WireError(field: "policy.\(name)", reason: "must be hex or a number")
        }
        if let other = requirements.expected.updateValue(bytes, forKey: field), other != bytes {
            throw WireError(field: "policy.\(name)", reason: "is demanded twice and differs")
        }
    }

    /// What a quote says, by the manifest's names.
    static func claims(_ quote: Quote, _ platform: EndorsedPlatform?, simulated: Bool) -> JSONValue {
        var claims =
            switch quote.body {
            case .domain(let report): domain(report)
            case .enclave(let report): enclave(report)
            }
        // A stand-in has no platform: its header and certificates say nothing.
        guard !simulated else { return .object(claims) }
        claims["version"] = .integer(Int64(quote.header.version))
        claims["tee"] = quote.header.tee == .tdx ? "TDX" : "SGX"
        claims["qe_svn"] = .integer(Int64(quote.header.qeSVN))
        claims["pce_svn"] = .integer(Int64(quote.header.pceSVN))
        claims["body_type"] = .integer(Int64(quote.bodyType))
        claims["user_data"] = hex(quote.header.userData)
        claims["qe_isvsvn"] = .integer(Int64(quote.signature.qeReport.isvSVN))
        claims["trailing_bytes"] = .integer(Int64(quote.trailing.count))
        if let platform {
            claims["pck"] = [
                "fmspc": hex(platform.fmspc), "pceid": hex(platform.pceID),
                "tcb": .array(platform.components.map { .integer(Int64($0)) }),
                "pcesvn": .integer(Int64(platform.pceSVN)), "ppid": hex(platform.ppid),
                "sgx_type": hex([platform.sgxType.rawValue]),
            ]
        }
        return .object(claims)
    }

    private static func domain(_ report: TDReport) -> [String: JSONValue] {
        let attributes = report.attributes
        var claims: [String: JSONValue] = [
            "tee_tcb_svn": hex(report.tcbSVN), "mrseam": hex(report.mrSEAM), "mrsignerseam": hex(report.mrSignerSEAM),
            "seamattributes": hex(report.seamAttributes), "tdattributes": hex(attributes.bytes),
            "xfam": hex(report.xfam), "mrtd": hex(report.mrTD), "mrconfigid": hex(report.mrConfigID),
            "mrowner": hex(report.mrOwner), "mrownerconfig": hex(report.mrOwnerConfig),
            "reportdata": hex(report.reportData), "debug": .bool(attributes.debug),
            "sept_ve_disable": .bool(attributes.septVEDisable), "pks": .bool(attributes.protectionKeys),
            "kl": .bool(attributes.keyLocker), "perfmon": .bool(attributes.performanceMonitoring),
        ]
        for (index, register) in report.rtmr.enumerated() { claims["rtmr\(index)"] = hex(register) }
        claims["tee_tcb_svn2"] = report.tcbSVN2.map { hex($0) }
        claims["mrservicetd"] = report.mrServiceTD.map { hex($0) }
        return claims
    }

    private static func enclave(_ report: SGXReportBody) -> [String: JSONValue] {
        [
            "cpusvn": hex(report.cpuSVN), "miscselect": hex(report.miscSelect),
            "isvextprodid": hex(report.extendedProductID), "attributes": hex(report.attributes),
            "debug": .bool(report.isDebug), "mrenclave": hex(report.mrEnclave), "mrsigner": hex(report.mrSigner),
            "config_id": hex(report.configurationID), "isvprodid": .integer(Int64(report.productID)),
            "isvsvn": .integer(Int64(report.isvSVN)), "config_svn": .integer(Int64(report.configurationSVN)),
            "isvfamilyid": hex(report.familyID), "report_data": hex(report.reportData),
        ]
    }

    private static func hex(_ bytes: [UInt8]) -> JSONValue { .string(Hex.encode(bytes)) }
}
