import Evidence
import Foundation
import WireFormat

/// The first corpus of a format: the vectors, those too that a verifier refuses.
enum Seeds {
    /// How many inputs a format starts from at most.
    private static let limit = 160

    static func chosen(for format: Format, vectors: URL) throws -> [[UInt8]] {
        var seeds = format.builtInSeeds
        if let manifest = try? Data(contentsOf: vectors.appendingPathComponent("evidence/manifest.json")) {
            let json = try JSONValue.parse(Array(manifest), limits: JSONLimits(depth: 64, size: 64 << 20))
            seeds += files(of: format, json, vectors)
        } else {
            print("no vectors at \(vectors.path): only the built-in seeds")
        }
        var known: Set<[UInt8]> = []
        seeds = seeds.map { trimmed($0, format) }.filter { !$0.isEmpty && known.insert($0).inserted }
        // Evenly from all that there are.
        let step = max(seeds.count / limit, 1)
        return stride(from: 0, to: seeds.count, by: step).map { seeds[$0] }
    }

    /// Roles of the manifest's files by format.
    private static let roles: [Format: Set<String>] = [
        .snpReport: ["evidence:sev-snp", "report"], .snpEvidence: ["evidence:sev-snp"],
        .certificateTable: ["cert_table"], .quote: ["evidence:tdx", "evidence:sgx", "td_quote", "quote"],
        .bootEventLog: ["event_log"], .runtimeEventLog: ["event_log_json"], .tpmAttestation: ["tpm_message"],
        .tpmSignature: ["tpm_signature"], .tpmKey: ["ak"], .pcrBanks: ["pcrs"], .hclReport: ["hcl_report"],
        .azureEvidence: ["wire_json"], .certificate: ["leaf", "intermediate", "root", "evidence:tdx"],
        .revocationList: ["crl", "collateral"],
        .collateral: ["collateral"],
        .endorsements: ["leaf", "intermediate", "crl", "cert_table", "collateral", "root"],
        .firmware: ["firmware"], .program: ["pe"],
    ]

    private static func files(of format: Format, _ manifest: JSONValue, _ vectors: URL) -> [[UInt8]] {
        let wanted = roles[format] ?? []
        var paths: [String] = []
        for element in manifest["cases"]?.arrayValue ?? [] {
            for (role, path) in element["files"]?.objectValue ?? [:] {
                guard let path = path.stringValue,
                    wanted.contains(role) || wanted.contains("\(role):\(element["tee"]?.stringValue ?? "")")
                else { continue }
                paths.append("evidence/\(path)")
            }
        }
        paths += extra[format] ?? []
        var seen: Set<String> = []
        return paths.filter { seen.insert($0).inserted }.flatMap { path -> [[UInt8]] in
            guard let data = try? Data(contentsOf: vectors.appendingPathComponent(path)) else { return [] }
            return derived(format, Array(data))
        }
    }

    /// Files that the manifest does not name.
    private static let extra: [Format: [String]] = [
        .ccaToken: ["trustee/deps/verifier/test_data/cca/misc/cca-example-token.cbor"],
        .spdm: ["trustee/deps/verifier/test_data/nvidia/hopperAttestationReport.txt"],
        .certificate: ["evidence/sgx/collateral/phala-sgx.json"],
        .corim: ["trustee/rvps/src/extractors/corim/unsigned-example-corim.cbor"],
        .referenceDocument: ["trustee/rvps/src/extractors/corim/unsigned-example-corim.cbor"],
        .endorsements: ["evidence/sgx/collateral/phala-sgx.json"],
        .initData: [
            "trustee/integration-tests/tests/init-data-with-policy.toml", "trustee/kbs/test/config/kbs.toml",
            "trustee/kbs/test_data/configs/coco-as-builtin-1.toml",
        ],
    ]

    /// The inputs that a file gives.
    private static func derived(_ format: Format, _ bytes: [UInt8]) -> [[UInt8]] {
        switch format {
        case .snpEvidence:
            guard let report = try? SNPReport(parsing: bytes) else { return [] }
            let evidence = SNPEvidence(
                report: report, certificates: [.vcek: Array(bytes.prefix(64)), .ask: [0x30, 0]])
            return [evidence.json.canonicalBytes, Array(bytes)]
        case .quote:
            return [bytes]
        case .spdm:
            let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
            return [(try? Hex.decode(text, field: "report")) ?? bytes]
        case .runtimeEventLog:
            guard let json = try? JSONValue.parse(bytes), let log = try? RuntimeEventLog(json: json) else {
                return [bytes]
            }
            var short = log
            return stride(from: 0, to: log.events.count, by: 12).map { start in
                short.events = Array(log.events[start..<min(start + 12, log.events.count)])
                return short.json.canonicalBytes
            }
        case .certificate where bytes.first != 0x30:
            if let quote = try? Quote(parsing: bytes) { return chains(Data(quote.signature.certification.bytes)) }
            // The chains that come with Intel's documents.
            guard let json = try? JSONValue.parse(bytes) else { return [bytes] }
            return ["tcb_info_issuer_chain", "pck_crl_issuer_chain"].compactMap { json[$0]?.stringValue }
                .flatMap { chains(Data($0.utf8)) }
        case .revocationList where bytes.first != 0x30: return lists(bytes)
        case .collateral: return [bytes] + documents(bytes)
        case .endorsements: return [bytes] + (bytes.first == 0x30 ? [] : documents(bytes) + lists(bytes))
        case .azureEvidence:
            guard let json = try? JSONValue.parse(bytes), var evidence = try? AzureVTPMEvidence(json: json) else {
                return [bytes]
            }
            evidence.generation = 0
            return [bytes, evidence.json.canonicalBytes]
        default: return [bytes]
        }
    }

    /// A chain in PEM, and each of its certificates.
    private static func chains(_ pem: Data) -> [[UInt8]] {
        let text = String(decoding: pem, as: UTF8.self)
        let bodies = text.components(separatedBy: "-----END CERTIFICATE-----").compactMap { part in
            part.components(separatedBy: "-----BEGIN CERTIFICATE-----").dropFirst().first
        }
        return [Array(pem)]
            + bodies.compactMap { Data(base64Encoded: $0, options: .ignoreUnknownCharacters).map(Array.init) }
    }

    /// The lists of revoked certificates in collateral.
    private static func lists(_ collateral: [UInt8]) -> [[UInt8]] {
        guard let json = try? JSONValue.parse(collateral) else { return [] }
        return ["pck_crl", "root_ca_crl"].compactMap { name in
            json[name]?.stringValue.flatMap { try? Hex.decode($0, field: name) }
        }
    }

    /// The documents in collateral, each by itself, as the service answers it.
    private static func documents(_ collateral: [UInt8]) -> [[UInt8]] {
        guard let json = try? JSONValue.parse(collateral) else { return [] }
        let signature = String(repeating: "ab", count: 64)
        return [("tcb_info", "tcbInfo"), ("qe_identity", "enclaveIdentity")].compactMap { name, member in
            json[name]?.stringValue.map { Array("{\"\(member)\":\($0),\"signature\":\"\(signature)\"}".utf8) }
        }
    }

    /// Logs keep their beginning and firmware its end, where its tables are.
    private static func trimmed(_ bytes: [UInt8], _ format: Format) -> [UInt8] {
        Array(format == .firmware ? bytes.suffix(format.room) : bytes.prefix(format.room))
    }
}
