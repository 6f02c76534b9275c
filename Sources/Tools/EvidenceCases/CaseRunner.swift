import Verifier
import WireFormat

/// Plays cases against the verifiers.
public enum CaseRunner {
    /// The result of a case; every failure is a refusal with its reason.
    public static func run(_ known: EvidenceCase) -> CaseResult {
        var result: CaseResult
        do {
            result = try play(known)
        } catch let refusal as EvidenceRefusal {
            let status = refusal.fields.last { $0.field == "TCB status" && $0.verdict != .notChecked }
            result = CaseResult(.reject, tcbStatus: status?.value, reason: refusal.description)
        } catch {
            result = CaseResult(.reject, reason: "format: \(error)")
        }
        result.id = known.id
        return result
    }

    private static func play(_ known: EvidenceCase) throws -> CaseResult {
        if let fault = known.fault { throw fault }
        return switch known.tee {
        case "sev-snp": try SNPCases.play(known)
        case "tdx" where known.files["evidence"] != nil, "sgx": try IntelCases.play(known)
        case "tpm": try TPMCases.play(known)
        case "az-snp-vtpm", "az-tdx-vtpm": try AzureCases.play(known)
        case "tdx" where EventLogCases.plays(known): try EventLogCases.play(known)
        case "sev": try LaunchCases.play(known)
        case "tdx" where TDXLaunchCases.plays(known): try TDXLaunchCases.play(known)
        // A quote by another name, with nothing to compare it to.
        case "tdx" where known.files["quote"] != nil: try IntelCases.play(known)
        default: CaseResult(.reject, reason: "technology: no verifier knows \(known.tee)")
        }
    }
}
