import Crypto
import Evidence
import Verifier
import WireFormat

/// Cases of Intel: TDX and SGX quotes with Intel's published data.
enum IntelCases {
    static func play(_ known: EvidenceCase) throws -> CaseResult {
        let quote = try Quote(parsing: try known.bytes("evidence"))
        let root = try known.optionalBytes("root")
        // A root of the case's own is trusted as that of a stand-in; it never vouches for hardware (rule R6).
        let pinned = root.flatMap { TrustAnchors.isIntelRoot($0) ? nil : Array(SHA256.hash(data: $0)) }
        do {
            return try play(known, quote, pinned)
        } catch let refusal as EvidenceRefusal {
            // Nothing is claimed of refused evidence; what it says of itself is listed.
            return CaseResult(
                .reject,
                tcbStatus: refusal.fields.last { $0.field == "TCB status" && $0.verdict != .notChecked }?.value,
                reason: refusal.description,
                claims: claims(quote, QuoteInspection(quote).platform, simulated: pinned != nil))
        }
    }

    private static func play(_ known: EvidenceCase, _ quote: Quote, _ pinned: [UInt8]?) throws -> CaseResult {
        let now = try known.now()
        let anchors = try TrustAnchors(softRoots: pinned.map { [$0] } ?? [])
        let isDomain = known.tee == "tdx"
        let technology: Technology =
            isDomain ? (pinned == nil ? .tdx : .softTDX) : (pinned == nil ? .sgx : .softSGX)
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
            claims: claims(quote, endorsement.platform, simulated: pinned != nil))
    }

    /// What a case demands beside authenticity; what it does not name is relaxed, since cases are laxer than our defaults.
    private static func requirements(_ known: EvidenceCase) throws -> QuoteRequirements {
        let relaxed = EvidenceRequirements.Rule.ignored(because: "the case does not ask for it")
        let params = known.params
        let policy = params["policy"] ?? .object([:])
        var requirements = QuoteRequirements.strict
        let allowsDebug = policy["allow_debug"]?.boolValue ?? params["allow_debug"]?.boolValue ?? false
        requirements.noDebug = allowsDebug ? relaxed : .required
        requirements.septVEDisable = policy["require_sept_ve_disable"]?.boolValue == true ? .required : relaxed
        requirements.noServiceTD = policy["forbid_service_td"]?.boolValue == true ? .required : relaxed
        requirements.notMigratable = policy["forbid_migratable"]?.boolValue == true ? .required : relaxed
        requirements.status = relaxed
        if let minimum = policy["min_tcb_eval"] {
            guard let number = minimum.integerValue.flatMap(Int.init(exactly:)) else {
                throw WireError(field: "min_tcb_eval", reason: "must be a number")
            }
            requirements.minimumEvaluationNumber = number
        }
        for (name, value) in policy["expect"]?.objectValue ?? [:] { try expect(name, value, &requirements) }
        for name in ["report_data", "mrtd", "mrconfigid", "mrenclave", "mrsigner"] {
            if let value = policy[name] { try expect(name, value, &requirements) }
        }
        if let value = params["expected_report_data"], value != .null {
            try expect("report_data", value, &requirements)
        }
        return requirements
    }

    private static func expect(
        _ name: String, _ value: JSONValue, _ requirements: inout QuoteRequirements
    ) throws {
        guard let field = QuoteRequirements.Field(rawValue: name == "reportdata" ? "report_data" : name) else {
            throw WireError(field: "policy.\(name)", reason: "is not a member of a quote")
        }
        if let text = value.stringValue {
            requirements.expected[field] = try Hex.decode(text, field: name)
        } else if let number = value.integerValue.flatMap(UInt16.init(exactly:)) {
            requirements.expected[field] = [
                UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8),
            ]
        } else {
            throw WireError(field: "policy.\(name)", reason: "must be hex or a number")
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
