import Evidence
import WireFormat

/// The part of evidence that vendors publish something about: AMD of a chip, Intel of a platform. Nothing in it is trusted.
public enum EndorsedEvidence: Sendable {
    /// A report of SEV-SNP with the certificates that came along.
    case report(SNPEvidence)
    /// A quote of TDX or SGX.
    case quote(Quote)

    /// The hardware's evidence in that of a machine on Azure; nil when there is none that can be read.
    public init?(_ evidence: AzureVTPMEvidence) {
        switch evidence.endorsement {
        case .chipCertificate(let der):
            guard let hcl = try? HCLReport(parsing: evidence.hclReport),
                let report = try? SNPReport(parsing: hcl.hardwareReport)
            else { return nil }
            self = .report(SNPEvidence(report: report, certificates: [.vcek: der]))
        case .quote(let bytes):
            guard let quote = try? Quote(parsing: bytes) else { return nil }
            self = .quote(quote)
        }
    }

    /// What evidence needs beside `files`.
    public func missing(in files: EndorsementFiles) -> [EndorsementNeed] {
        switch self {
        case .report(let evidence): files.missing(for: evidence)
        case .quote(let quote): files.missing(for: quote)
        }
    }
}

extension Submission {
    /// What vendors publish something about; nil for technologies without, stand-ins among them, and for evidence that
    /// cannot be read, which the verifier refuses with a reason.
    public var endorsed: EndorsedEvidence? {
        switch tee {
        case "snp": return (try? SNPEvidence(json: evidence)).map { .report($0) }
        case "tdx", "sgx":
            guard let text = evidence["quote"]?.stringValue,
                let bytes = try? Base64.decodeEither(text, field: "quote"), let quote = try? Quote(parsing: bytes)
            else { return nil }
            return .quote(quote)
        case "az-snp-vtpm", "az-tdx-vtpm":
            return (try? AzureVTPMEvidence(json: evidence)).flatMap { EndorsedEvidence($0) }
        default: return nil
        }
    }

    /// Whether a report of SEV-SNP says what is demanded of it. Where its signature cannot be checked before its key's
    /// certificate was fetched, this keeps other people's reports from having something fetched.
    public var isStatedlyBound: Bool {
        guard case .report(let evidence)? = endorsed, tee == "snp" else { return true }
        func holds(_ demanded: [UInt8]?, _ stated: [UInt8]) -> Bool {
            guard let demanded else { return true }
            return demanded.count <= stated.count
                && stated == demanded + [UInt8](repeating: 0, count: stated.count - demanded.count)
        }
        return holds(reportData, evidence.report.reportData) && holds(initDataDigest, evidence.report.hostData)
    }
}
