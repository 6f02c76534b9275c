import ArgumentParser
import Crypto
import Evidence
import Foundation
import Verifier
import WireFormat

/// `testudo evidence verify`: is this evidence to be believed, and why not?
struct EvidenceVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Verify evidence; print what was checked.",
        discussion: """
            Vendor roots are built in, and nothing is fetched. Without collateral a quote's authenticity is all that is found \
            out.

            Exit status: 0 when the evidence is accepted, 1 when it is refused, 2 when a file cannot be read, 3 when it is \
            authentic but the vendor's status of the platform is not UpToDate, or nobody vouches for a TPM's key.
            """)

    @Option(
        help: ArgumentHelp(
            "What it is presented as: \(EvidenceVerification.technologies.joined(separator: ", ")).", valueName: "name")
    )
    var tee: String
    @Option(
        help: ArgumentHelp(
            "Certificates (DER, PEM), a chain, AMD's certificate table, a revocation list, Intel's collateral; often.",
            valueName: "file"))
    var endorsement: [String] = []
    @Option(help: ArgumentHelp("The report data, or the TPM's nonce, that is expected.", valueName: "hex"))
    var reportData: String?
    @Option(help: ArgumentHelp("The digest of the init-data that is expected.", valueName: "hex"))
    var initData: String?
    @Option(help: ArgumentHelp("Verify as of this time (RFC 3339).", valueName: "time")) var time: String?
    @Option(help: ArgumentHelp("Trust this root certificate (DER) for soft-… technologies.", valueName: "file"))
    var softRoot: [String] = []
    @Option(help: ArgumentHelp("The key that the TPM is known to sign with (PEM, DER or TPM2B).", valueName: "file"))
    var attestationKey: String?
    @Option(
        name: .customLong("protection"),
        help: ArgumentHelp(
            "Refuse unless the machine gives this, such as memory-integrity; may be given often.", valueName: "name"))
    var protections: [String] = []
    @Option(
        help: ArgumentHelp(
            "Appraise the claims with the default policy and these reference values (testudo reference-values --file).",
            valueName: "file"))
    var referenceValues: String?
    @Flag(help: "Accept guests whose memory the host may read.") var allowDebug = false
    @Flag(help: "Fetch nothing (always so in this version).") var offline = false
    @Flag(help: "Print JSON instead of text.") var json = false
    @Argument(help: "The evidence.") var file: String

    func validate() throws {
        guard EvidenceVerification.technologies.contains(tee) else {
            throw ValidationError(
                "--tee \(tee): known are \(EvidenceVerification.technologies.joined(separator: ", ")).")
        }
        for name in protections where Protection(rawValue: name) == nil {
            let known = Protection.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--protection \(name): known are \(known).")
        }
        if referenceValues != nil, !EvidenceAppraisal.technologies.contains(tee) {
            throw ValidationError("--reference-values does not go with --tee \(tee) yet.")
        }
    }

    func run() throws { try report().finish() }

    private func appraisal(
        _ outcome: EvidenceVerification.Outcome, _ verification: EvidenceVerification
    ) throws -> EvidenceAppraisal? {
        try referenceValues.map {
            try EvidenceAppraisal(
                verification.policyInput(outcome), referenceValues: $0, now: verification.now)
        }
    }

    func report() throws -> PolicyReport {
        let evidence: EvidenceFile
        let verification: EvidenceVerification
        do {
            evidence = try EvidenceFile(try PolicyFiles.bytes(at: file))
            verification = try self.verification()
        } catch let error as ValidationError {
            throw error
        } catch {
            return PolicyReport(complaint: ShownText.line("error: \(error)"), status: 2)
        }
        do {
            var outcome = try verification.verify(evidence)
            try outcome.protections.require(protections)
            let appraisal = try self.appraisal(outcome, verification)
            if let appraisal, !appraisal.isAffirming, outcome.reservation == nil {
                outcome.reservation = "the default policy does not affirm it with these reference values"
            }
            let isGood =
                outcome.reservation == nil
                && (outcome.tcbStatus == nil || outcome.tcbStatus == TCBStatus.upToDate.rawValue)
            return PolicyReport(output: text(outcome, appraisal, isGood), status: isGood ? 0 : 3)
        } catch let refusal as EvidenceRefusal {
            return PolicyReport(output: text(refusal, refusal.fields.map(verification.notDemanded)), status: 1)
        } catch let error as WireError {
            return PolicyReport(complaint: ShownText.line("error: \(error)"), status: 2)
        } catch let error as CommandFailure {
            return PolicyReport(complaint: ShownText.line("error: \(error)"), status: 2)
        }
    }

    private func verification() throws -> EvidenceVerification {
        let files = try endorsement.map { (name: $0, bytes: try PolicyFiles.bytes(at: $0)) }
        let roots = try softRoot.map { Array(SHA256.hash(data: try PolicyFiles.bytes(at: $0))) }
        var now = Int64(Date().timeIntervalSince1970)
        if let time {
            guard let date = try? Date(time, strategy: .iso8601) else {
                throw ValidationError("--time \(time): not a time such as 2026-11-21T12:00:00Z.")
            }
            now = Int64(date.timeIntervalSince1970)
        }
        return EvidenceVerification(
            technology: tee, endorsements: try EndorsementFiles(files), softRoots: Set(roots),
            reportData: try reportData.map { try Hex.decode($0, field: "--report-data") },
            initData: try initData.map { try Hex.decode($0, field: "--init-data") }, allowsDebug: allowDebug,
            attestationKey: try attestationKey.map { try PolicyFiles.bytes(at: $0) }, now: now)
    }

    private func text(
        _ outcome: EvidenceVerification.Outcome, _ appraisal: EvidenceAppraisal?, _ isGood: Bool
    ) -> String {
        let verdict = isGood ? "accepted" : "conditional"
        if json {
            var members: [String: JSONValue] = [
                "verdict": .string(verdict), "tcb_status": outcome.tcbStatus.map { .string($0) } ?? .null,
                "simulated": .bool(outcome.simulated),
                "reservation": outcome.reservation.map { .string($0) } ?? .null,
                "checks": .array(outcome.fields.map(\.json)),
                "protections": outcome.protections.json, "claims": outcome.claims,
            ]
            members["appraisal"] = appraisal?.json
            return Self.shown(members)
        }
        var lines = outcome.fields.map(Self.line)
        if outcome.simulated {
            lines.append("simulated: a software stand-in signed this; it proves nothing of a machine")
        }
        let given = outcome.protections.names
        lines.append("protections: \(given.isEmpty ? "none" : given.joined(separator: ", "))")
        if let status = outcome.tcbStatus { lines.append("TCB status: \(status)") }
        lines += appraisal?.lines ?? []
        let reservation = outcome.reservation ?? "the vendor's status is not UpToDate: policy decides"
        lines.append(isGood ? "accepted" : "conditional: \(reservation)")
        return lines.map { ShownText.line($0) }.joined(separator: "\n")
    }

    private func text(_ refusal: EvidenceRefusal, _ fields: [FieldVerdict]) -> String {
        let status = refusal.fields.last { $0.field == "TCB status" && $0.verdict != .notChecked }?.value
        if json {
            return Self.shown([
                "verdict": "refused", "tcb_status": status.map { .string($0) } ?? .null,
                "check": .string(refusal.check.rawValue), "reason": .string(refusal.reason),
                "checks": .array(fields.map(\.json)),
            ])
        }
        return (fields.map(Self.line) + ["refused: \(refusal.description)"]).map { ShownText.line($0) }
            .joined(separator: "\n")
    }

    private static func shown(_ members: [String: JSONValue]) -> String {
        ShownText.json(JSONValue.object(members).prettyText)
    }

    private static func line(_ field: FieldVerdict) -> String {
        let mark =
            switch field.verdict {
            case .passed: "ok    "
            case .failed: "FAILED"
            case .notChecked: "-     "
            }
        let value = field.value.isEmpty ? "" : " \(field.value)"
        return "\(mark)  \(field.field):\(value) (\(field.reason))"
    }
}
