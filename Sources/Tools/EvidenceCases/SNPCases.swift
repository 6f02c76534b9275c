import Crypto
import Evidence
import Verifier
import WireFormat

/// Cases of SEV-SNP: reports with their certificates, and certificate tables.
enum SNPCases {
    static func play(_ known: EvidenceCase) throws -> CaseResult {
        if known.files["cert_table"] != nil { return try playTable(known) }
        let report = try SNPReport(parsing: try known.bytes("evidence"))
        let leaf: CertificateTable.Kind = report.signingKey == .vlek ? .vlek : .vcek
        let evidence = SNPEvidence(
            report: report,
            certificates: [
                leaf: try known.bytes("leaf"), .ask: try known.bytes("intermediate"), .ark: try known.bytes("root"),
            ])
        // Roots of the case's own are trusted as those of stand-ins; they never vouch for hardware (rule R6).
        let roots = try known.listed("trust_roots").map { Array(SHA256.hash(data: $0)) }
        let raw = RawEvidence(
            technology: roots.isEmpty ? .snp : .softSNP, evidence: evidence,
            revocationList: try known.optionalBytes("crl"))
        let now = try known.now()
        let verifier = SNPVerifier(
            anchors: try TrustAnchors(softRoots: Set(roots)),
            collateral: .revocationListOptional(because: "the case has none"), clock: { now })
        let verified = try verifier.verify(raw)
        if let product = known.params["product"]?.stringValue, product != verified.productLine.rawValue {
            return CaseResult(.reject, reason: "product: the case is about \(product)")
        }
        let appraisal = try SNPCasePolicy(known).appraise(verified)
        return CaseResult(.accept, claims: claims(verified, appraisal.report))
    }

    private static func playTable(_ known: EvidenceCase) throws -> CaseResult {
        let bytes = try known.bytes("cert_table")
        let table = try CertificateTable(parsing: bytes)
        let entries = table.listing.map { entry -> JSONValue in
            [
                "kind": .string(entry.kind.rawValue.lowercased()), "len": .integer(Int64(entry.bytes.count)),
                "sha256": .string(Hex.encode(Array(SHA256.hash(data: entry.bytes)))),
                "pem": .bool(entry.bytes.starts(with: Array("-----BEGIN".utf8))),
            ]
        }
        return CaseResult(.accept, claims: ["entries": .array(entries)])
    }

    /// What a verified report says, by the manifest's names.
    static func claims(_ verified: VerifiedEvidence, _ report: SNPReport) -> JSONValue {
        let tcb = report.reportedTCB.components(verified.productLine.layout)
        var parts: [String: JSONValue] = [
            "bootloader": .integer(Int64(tcb.bootLoader)), "tee": .integer(Int64(tcb.tee)),
            "snp": .integer(Int64(tcb.snp)), "ucode": .integer(Int64(tcb.microcode)),
        ]
        if let fmc = tcb.fmc { parts["fmc"] = .integer(Int64(fmc)) }
        var claims: [String: JSONValue] = [
            "version": .integer(Int64(report.version)), "product": .string(verified.productLine.rawValue),
            "guest_svn": .integer(Int64(report.guestSVN)), "policy": prefixed(report.policy.rawValue),
            "vmpl": .integer(Int64(report.vmpl)), "report_data": .string(Hex.encode(report.reportData)),
            "measurement": .string(report.measurement.hex), "host_data": .string(Hex.encode(report.hostData)),
            "family_id": .string(Hex.encode(report.familyID)), "image_id": .string(Hex.encode(report.imageID)),
            "id_key_digest": .string(Hex.encode(report.idKeyDigest)),
            "author_key_digest": .string(Hex.encode(report.authorKeyDigest)),
            "report_id": .string(Hex.encode(report.reportID)), "chip_id": .string(Hex.encode(report.chipID)),
            "signing_key": report.signingKey == .vlek ? "VLEK" : "VCEK",
            "author_key_en": .integer(report.hasAuthorKey ? 1 : 0),
            "mask_chip_key": .integer(report.masksChipKey ? 1 : 0),
            "platform_info": prefixed(report.platformInfo.rawValue),
            "reported_tcb": .string(Hex.encode(report.reportedTCB.bytes)), "reported_tcb_parts": .object(parts),
            "current_tcb": .string(Hex.encode(report.currentTCB.bytes)),
            "committed_tcb": .string(Hex.encode(report.committedTCB.bytes)),
            "launch_tcb": .string(Hex.encode(report.launchTCB.bytes)), "current_version": version(report.current),
            "committed_version": version(report.committed), "debug": .bool(report.policy.allowsDebug),
            "smt": .bool(report.policy.allowsSMT), "migrate_ma": .bool(report.policy.allowsMigrationAgent),
            "cert": certified(verified.endorsement),
        ]
        if report.version >= 3 {
            claims["cpuid_fam"] = .integer(Int64(report.processor.family))
            claims["cpuid_mod"] = .integer(Int64(report.processor.model))
            claims["cpuid_step"] = .integer(Int64(report.processor.stepping))
        }
        if report.version >= 5 {
            claims["launch_mit_vector"] = prefixed(report.launchMitigations)
            claims["current_mit_vector"] = prefixed(report.currentMitigations)
        }
        return .object(claims)
    }

    private static func certified(_ key: EndorsedKey) -> JSONValue {
        var claims: [String: JSONValue] = [
            "struct_version": .integer(Int64(key.structureVersion)), "product_name": .string(key.productName),
            "bl": .integer(Int64(key.tcb.bootLoader)), "tee": .integer(Int64(key.tcb.tee)),
            "snp": .integer(Int64(key.tcb.snp)), "ucode": .integer(Int64(key.tcb.microcode)),
        ]
        if let fmc = key.tcb.fmc { claims["fmc"] = .integer(Int64(fmc)) }
        if let provider = key.provider { claims["csp_id"] = .string(provider) }
        return .object(claims)
    }

    private static func prefixed(_ number: UInt64) -> JSONValue { .string("0x" + String(number, radix: 16)) }

    private static func version(_ version: SNPReport.FirmwareVersion) -> JSONValue {
        .string("\(version.major).\(version.minor).\(version.build)")
    }
}
