import ArgumentParser
import Crypto
import EndorsementOptions
import EndorsementSources
import Evidence
import Foundation
import Rego
import Verifier
import WireFormat

/// `testudo evidence verify`: is this evidence to be believed, and why not?
struct EvidenceVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Verify evidence; print what was checked.",
        discussion: """
            Vendor roots are built in. What evidence needs of its vendor and no file has is fetched and kept, unless \
            --offline; whatever is fetched is believed for its signatures only. Without collateral a quote's authenticity is \
            all that is found out. The last line says what was not compared.

            Exit status: 0 when the evidence is accepted, 1 when it is refused, 2 when a file cannot be read, 3 when it is \
            authentic but the vendor's status of the platform is not UpToDate or could not be fetched, nobody vouches for a \
            TPM's key, or the attestation policy warns.
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
    @OptionGroup var sources: PlaceOptions
    @Option(help: ArgumentHelp("The report data, or the TPM's nonce, that is expected.", valueName: "hex"))
    var reportData: String?
    @Option(help: ArgumentHelp("The digest of the init-data that is expected.", valueName: "hex"))
    var initData: String?
    @OptionGroup var appraisal: AppraisalOptions
    @Option(
        help: ArgumentHelp(
            "The values that a TPM's registers must have, as `evidence measure --tee tpm --json` prints them.",
            valueName: "file"))
    var registers: String?
    @Option(help: ArgumentHelp("Verify as of this time (RFC 3339).", valueName: "time")) var time: String?
    @Option(help: ArgumentHelp("Trust this root certificate (DER) for soft-… technologies.", valueName: "file"))
    var softRoot: [String] = []
    @Option(help: ArgumentHelp("The key that the TPM is known to sign with (PEM, DER or TPM2B).", valueName: "file"))
    var attestationKey: String?
    @Option(
        help: ArgumentHelp("Trust this root (DER, PEM) for the certificates of TPMs' keys; often.", valueName: "file"))
    var tpmRoot: [String] = []
    @Flag(help: "Accept guests whose memory the host may read.") var allowDebug = false
    @Option(
        help: ArgumentHelp(
            "The highest privilege level that a report of SEV-SNP may come from, 0 to 3 (default: 0).",
            valueName: "number"))
    var vmpl: UInt32 = 0
    @Flag(help: "Print JSON instead of text.") var json = false
    @Argument(help: "The evidence.") var file: String

    func validate() throws {
        guard EvidenceVerification.technologies.contains(tee) else {
            throw ValidationError(
                "--tee \(tee): known are \(EvidenceVerification.technologies.joined(separator: ", ")).")
        }
        guard vmpl <= 3 else { throw ValidationError("--vmpl \(vmpl): must be 0 to 3.") }
        try appraisal.checkProtections()
        guard tee != "tpm" || appraisal.measurement.isEmpty else {
            throw ValidationError("A TPM's quote has no launch measurement: --registers has the values of registers.")
        }
        guard registers == nil || ["tpm", "az-snp-vtpm", "az-tdx-vtpm"].contains(tee) else {
            throw ValidationError("--registers is for quotes of TPMs.")
        }
    }

    func run() async throws { try await report().finish() }

    func report() async throws -> PolicyReport {
        let evidence: EvidenceFile
        let verification: EvidenceVerification
        do {
            evidence = try EvidenceFile(try PolicyFiles.bytes(at: file))
            verification = try await self.verification(of: evidence)
        } catch let error as ValidationError {
            throw error
        } catch let error as RegoErrors where !json {
            return PolicyReport(complaint: PolicyOutput.text(error.errors), status: 2)
        } catch {
            return .failure("\(error)", json: json)
        }
        let text = EvidenceVerdictText(verification: verification, json: json)
        do {
            let outcome = try verification.verify(evidence)
            return PolicyReport(output: text.of(outcome), status: outcome.isGood ? 0 : 3)
        } catch let refusal as EvidenceRefusal {
            return PolicyReport(output: text.of(refusal), status: 1)
        } catch let error as WireError {
            return .failure("\(error)", json: json)
        }
    }

    private func verification(of evidence: EvidenceFile) async throws -> EvidenceVerification {
        let files = try Self.read(endorsement)
        let roots = try softRoot.map { Array(SHA256.hash(data: try PolicyFiles.bytes(at: $0))) }
        var now = Int64(Date().timeIntervalSince1970)
        if let time {
            guard let date = try? Date(time, strategy: .iso8601) else {
                throw ValidationError("--time \(time): not a time such as 2026-11-21T12:00:00Z.")
            }
            now = Int64(date.timeIntervalSince1970)
        }
        let distrust = try Distrust(appraisal.distrust)
        // A TPM's certificates are of many makers, and none of the vendors' shapes.
        let isTPM = tee == "tpm"
        let given = try EndorsementFiles(isTPM ? [] : files)
        let (current, expired) = given.current(at: now)
        var gathered = EndorsementGathering.Gathered(files: given)
        var renewal = EvidenceVerification.Renewal.nobody
        let fetcher = try TerminalFetching.fetcher(sources)
        if let endorsed = evidence.endorsed(as: tee) {
            gathered = await EndorsementGathering(from: fetcher, checker: try EndorsementChecker(), now: now)
                .complete(sources.offline ? given : current, for: endorsed)
            // What could not be had anew is as the files have it, and refused by its date.
            if !gathered.missing.isEmpty, !expired.isEmpty { gathered.files = given }
            renewal = sources.offline ? .offline : gathered.missing.isEmpty ? .done : .failed
        }
        return EvidenceVerification(
            technology: tee, endorsements: gathered.files, missing: gathered.missing, expired: expired,
            renewal: renewal,
            isOffline: sources.offline,
            tpm: try TPMEndorsements(
                certificates: isTPM ? files : [], roots: try Self.read(tpmRoot), distrust: distrust),
            softRoots: Set(roots), reportData: try reportData.map { try Hex.decode($0, field: "--report-data") },
            initData: try initData.map { try Hex.decode($0, field: "--init-data") },
            measurements: try appraisal.measurements(), registers: try wantedRegisters(),
            policy: try appraisal.attestationPolicy(now: now),
            distrust: distrust,
            protections: appraisal.protection, allowsDebug: allowDebug, highestVMPL: vmpl,
            attestationKey: try attestationKey.map { try PolicyFiles.bytes(at: $0) }, now: now)
    }

    private func wantedRegisters() throws -> PCRBanks? {
        guard let registers else { return nil }
        let banks = try PCRBanks(json: try JSONValue.parse(try PolicyFiles.bytes(at: registers)))
        guard banks.values.values.contains(where: { !$0.isEmpty }) else {
            throw WireError(field: "--registers", reason: "names no register")
        }
        return banks
    }

    private static func read(_ paths: [String]) throws -> [(name: String, bytes: [UInt8])] {
        try paths.map { (name: $0, bytes: try PolicyFiles.bytes(at: $0)) }
    }
}
