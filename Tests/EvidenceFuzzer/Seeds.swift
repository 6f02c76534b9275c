import Evidence
import Foundation
import WireFormat

/// The first corpus of a format: the vectors, those too that a verifier refuses.
enum Seeds {
    /// How many inputs a format starts from at most.
    private static let limit = 160

    static func write(_ format: Format, vectors: URL, folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var seeds = builtIn(format)
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
        let chosen = stride(from: 0, to: seeds.count, by: step).map { seeds[$0] }
        for (number, seed) in chosen.enumerated() {
            try Data(seed).write(to: URL(fileURLWithPath: "\(folder)/seed-\(number)"))
        }
        print("\(chosen.count) seeds")
    }

    /// Roles of the manifest's files by format.
    private static let roles: [Format: Set<String>] = [
        .snpReport: ["evidence:sev-snp", "report"], .snpEvidence: ["evidence:sev-snp"],
        .certificateTable: ["cert_table"], .quote: ["evidence:tdx", "evidence:sgx", "td_quote", "quote"],
        .bootEventLog: ["event_log"], .runtimeEventLog: ["event_log_json"], .tpmAttestation: ["tpm_message"],
        .tpmSignature: ["tpm_signature"], .tpmKey: ["ak"], .pcrBanks: ["pcrs"], .hclReport: ["hcl_report"],
        .azureEvidence: ["wire_json"], .certificate: ["leaf", "intermediate", "root"], .revocationList: ["crl"],
        .collateral: ["collateral"], .endorsements: ["leaf", "crl", "cert_table", "collateral", "root"],
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
            // The chains that come with Intel's documents.
            guard let json = try? JSONValue.parse(bytes) else { return [bytes] }
            return ["tcb_info_issuer_chain", "pck_crl_issuer_chain"].compactMap {
                json[$0]?.stringValue.map { Array($0.utf8) }
            }
        case .collateral:
            guard let json = try? JSONValue.parse(bytes) else { return [bytes] }
            // Each document by itself, as the service answers it.
            let single = [("tcb_info", "tcbInfo"), ("qe_identity", "enclaveIdentity")].compactMap { name, member in
                json[name]?.stringValue.map { content in
                    Array("{\"\(member)\":\(content),\"signature\":\"\(String(repeating: "ab", count: 64))\"}".utf8)
                }
            }
            return [bytes] + single
        default: return [bytes]
        }
    }

    /// Logs keep their beginning and firmware its end, where its tables are.
    private static func trimmed(_ bytes: [UInt8], _ format: Format) -> [UInt8] {
        Array(format == .firmware ? bytes.suffix(format.room) : bytes.prefix(format.room))
    }

    private static func builtIn(_ format: Format) -> [[UInt8]] {
        switch format {
        case .deviceEvidence:
            let se = [
                "measurement", "additional_data", "user_data", "cuid", "encr_measurement_key", "encr_request_nonce",
                "image_hdr_tags",
            ].map { "\"\($0)\":\"YWJjZGVmZ2hpamts\"" }
            let device =
                "{\"arch\":\"HOPPER\",\"uuid\":\"a\",\"evidence\":\"11e00000\",\"certificate\":\"YWJjZGVmZ2g=\"}"
            return [
                Array("{\(se.joined(separator: ","))}".utf8),
                Array("{\"device_evidence_list\":[\(device),\(device)]}".utf8),
            ]
        case .certificateTable:
            return [table([.vcek, .ask, .ark, .vlek, .crl])]
        case .program: return [program(withCertificates: false), program(withCertificates: true)]
        case .pcrBanks:
            let value = String(repeating: "ab", count: 32)
            return [
                Array("[\"\(value)\",\"\(value)\"]".utf8), Array("{\"0\":\"\(value)\",\"7\":\"\(value)\"}".utf8),
                Array("{\"sha256\":{\"0\":\"\(value)\"},\"sha1\":[\"\(value.prefix(40))\"]}".utf8),
            ]
        default: return [[0]]
        }
    }

    private static func table(_ kinds: [CertificateTable.Kind]) -> [UInt8] {
        var writer = ByteWriter()
        let start = 24 * (kinds.count + 1)
        for (index, kind) in kinds.enumerated() {
            writer.append(kind.guid)
            writer.u32LE(UInt32(start + 16 * index))
            writer.u32LE(16)
        }
        writer.append([UInt8](repeating: 0, count: 24))
        for (index, _) in kinds.enumerated() {
            writer.append(index == 1 ? Array("-----BEGIN A-----".utf8.prefix(16)) : [UInt8](repeating: 0x30, count: 16))
        }
        return writer.bytes
    }

    /// A small program for UEFI with one section.
    private static func program(withCertificates: Bool) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x400)
        func put(_ offset: Int, _ width: Int, _ value: Int) {
            for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
        }
        put(0, 2, 0x5A4D)
        put(0x3C, 4, 0x40)
        put(0x40, 4, 0x4550)
        put(0x46, 2, 1)
        put(0x54, 2, 240)
        put(0x58, 2, 0x20B)
        put(0x58 + 60, 4, 0x200)
        put(0x58 + 108, 4, 16)
        put(0x58 + 240 + 16, 4, 0x100)
        put(0x58 + 240 + 20, 4, 0x200)
        if withCertificates {
            put(0x58 + 112 + 32, 4, 0x380)
            put(0x58 + 112 + 36, 4, 0x80)
        }
        return bytes
    }
}
