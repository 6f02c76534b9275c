import Evidence
import Verifier
import WireFormat

/// Evidence in a file, by what its content says that it is. Nothing in it is trusted yet.
enum EvidenceFile {
    /// A report of SEV-SNP, with the certificates that came along.
    case snp(SNPEvidence)
    /// A quote of TDX or SGX.
    case quote(Quote)
    /// A TPM's quote with the key that is said to have signed it.
    case tpm(TPMEvidence)
    /// A confidential machine on Azure.
    case azure(AzureVTPMEvidence)
    /// The report of Azure's paravisor alone.
    case hcl(HCLReport)
    /// The event log of a boot.
    case eventLog(BootEventLog)
    /// AMD's certificates.
    case certificates(CertificateTable)

    /// What a TPM's evidence consists of on the wire of trustee's clients.
    struct TPMEvidence {
        var key: [UInt8]
        var message: [UInt8]
        var signature: [UInt8]
        var registers: JSONValue
    }

    /// The largest file of evidence, in bytes.
    static let sizeLimit = 16 << 20

    /// Reads evidence.
    ///
    /// - Throws: ``WireError`` naming the field and the reason, also when nothing known begins like this.
    init(_ bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "evidence", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") {
            self = try Self.document(try JSONValue.parse(bytes))
        } else if bytes.count == SNPReport.length {
            self = .snp(SNPEvidence(report: try SNPReport(parsing: bytes), certificates: [:]))
        } else if bytes.starts(with: Array("HCLA".utf8)) {
            self = .hcl(try HCLReport(parsing: bytes))
        } else if bytes.count > 64, (3...5).contains(bytes[0]), bytes[1] == 0 {
            self = .quote(try Quote(parsing: bytes))
        } else if bytes.dropFirst(32).starts(with: Array("Spec ID Event".utf8)) {
            self = .eventLog(try BootEventLog(parsing: bytes))
        } else {
            do throws(WireError) { self = .certificates(try CertificateTable(parsing: bytes)) } catch {
                throw WireError(
                    field: "evidence",
                    reason: "begins like no report, quote, event log, certificate table or JSON evidence that is known")
            }
        }
    }

    /// The `primary_evidence` of the key broker protocol.
    private static func document(_ json: JSONValue) throws(WireError) -> EvidenceFile {
        if json["attestation_report"] != nil { return .snp(try SNPEvidence(json: json)) }
        if let key = json["ak_public"]?.stringValue, let quote = json["tpm_quote"] {
            return .tpm(
                TPMEvidence(
                    key: try Base64.decode(key, field: "ak_public"),
                    message: try Base64.decode(quote["message"]?.stringValue ?? "", field: "tpm_quote.message"),
                    signature: try Base64.decode(quote["signature"]?.stringValue ?? "", field: "tpm_quote.signature"),
                    registers: quote["pcrs"] ?? .null))
        }
        if json["hcl_report"] != nil || json["report"] != nil { return .azure(try AzureVTPMEvidence(json: json)) }
        if let quote = json["quote"]?.stringValue {
            return .quote(try Quote(parsing: try Base64.decodeEither(quote, field: "quote")))
        }
        throw WireError(field: "evidence", reason: "is JSON of no known shape of evidence")
    }

    /// What a vendor publishes something about, when the evidence is of the technology; stand-ins publish nothing.
    func endorsed(as technology: String) -> EndorsedEvidence? {
        switch (self, technology) {
        case (.snp(let evidence), "snp"), (.snp(let evidence), "sev-snp"): .report(evidence)
        case (.quote(let quote), "tdx"), (.quote(let quote), "sgx"): .quote(quote)
        case (.azure(let evidence), "az-snp-vtpm"), (.azure(let evidence), "az-tdx-vtpm"): EndorsedEvidence(evidence)
        default: nil
        }
    }

    /// The article before ``kind``.
    var article: String {
        switch self {
        case .snp, .azure, .hcl, .eventLog, .certificates: "an"
        case .quote(let quote): quote.header.tee == .tdx ? "a" : "an"
        case .tpm: "a"
        }
    }

    /// The name of what it is.
    var kind: String {
        switch self {
        case .snp(let evidence): "SEV-SNP report, version \(evidence.report.version)"
        case .quote(let quote): "\(quote.header.tee == .tdx ? "TDX" : "SGX") quote, version \(quote.header.version)"
        case .tpm: "TPM 2.0 quote"
        case .azure(let evidence): "Azure vTPM evidence, generation \(evidence.generation)"
        case .hcl(let report): "Azure HCL report, version \(report.version)"
        case .eventLog(let log): "event log, \(log.events.count) events"
        case .certificates(let table): "AMD certificate table, \(table.entries.count) certificates"
        }
    }
}
