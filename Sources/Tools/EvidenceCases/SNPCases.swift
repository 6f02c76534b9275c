import Crypto
import Evidence
import Verifier
import WireFormat

/// Cases of SEV-SNP: reports with their certificates, and certificate tables.
enum SNPCases {
    static func play(_ known: EvidenceCase) throws -> CaseResult {
        let table = try known.optionalBytes("cert_table").map { try CertificateTable(parsing: $0) }
        // A table without a time to verify at is only to be read; its report then says where it is from.
        let isToBeRead = known.files["leaf"] == nil && known.params["verify_at"] == nil
        if let table, known.files["evidence"] == nil || isToBeRead { return listing(table) }
        let policy = try SNPCasePolicy(known, beside: ["product", "trust_roots"])
        let report = try SNPReport(parsing: try known.bytes("evidence"))
        let evidence = SNPEvidence(report: report, certificates: try certificates(known, report, table))
        // Roots of the case's own are trusted as those of stand-ins; they never vouch for hardware (rule R6).
        let trusted = try known.listed("trust_roots").map { try CertificateTable.der(of: $0, field: "trust_roots") }
        let fingerprints = Set(trusted.map { Array(SHA256.hash(data: $0)) })
        let roots = Set(trusted.filter { !TrustAnchors.isAMDRoot($0) }.map { Array(SHA256.hash(data: $0)) })
        let lists = try known.list("crl").map { try CertificateTable.der(of: $0, field: "crl") }
        let raw = RawEvidence(
            technology: roots.isEmpty ? .snp : .softSNP, evidence: evidence, revocationList: lists.first)
        let now = try known.now()
        let verifier = SNPVerifier(
            anchors: try TrustAnchors(softRoots: roots),
            collateral: .revocationListOptional(because: "the case has none"),
            revocationLists: Array(lists.dropFirst()), clock: { now })
        let verified = try verifier.verify(raw)
        // A case that lists one of AMD's roots does not trust the others.
        guard fingerprints.isEmpty || fingerprints.contains(verified.rootFingerprint) else {
            return CaseResult(.reject, reason: "root: is none of those that the case trusts")
        }
        if let product = try known.text("product"), product != verified.productLine.rawValue {
            return CaseResult(.reject, reason: "product: the case is about \(ShownText.cut(product, bytes: 64))")
        }
        let appraisal = try policy.appraise(verified)
        return CaseResult(.accept, claims: claims(verified, appraisal.report))
    }

    /// The certificates of the signing key: the case's files, and the table's for those that it lacks.
    private static func certificates(
        _ known: EvidenceCase, _ report: SNPReport, _ table: CertificateTable?
    ) throws -> [CertificateTable.Kind: [UInt8]] {
        let leaf: CertificateTable.Kind = report.signingKey == .vlek ? .vlek : .vcek
        var certificates: [CertificateTable.Kind: [UInt8]] = [:]
        for (kind, role) in [(leaf, "leaf"), (.ask, "intermediate"), (.ark, "root")] {
            let entry = table?.entries[kind]
            let bytes = try known.optionalBytes(role) ?? entry ?? known.bytes(role)
            certificates[kind] = try CertificateTable.der(of: bytes, field: role)
        }
        return certificates
    }

    private static func listing(_ table: CertificateTable) -> CaseResult {
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
