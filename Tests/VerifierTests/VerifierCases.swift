import Evidence
import Foundation
import TestSupport
import Testing
import Verifier
import WireFormat

/// The SNP cases of the evidence vectors with certificates, and how to play them.
struct VerifierCase: Decodable, CustomTestStringConvertible {
    struct Policy: Decodable {
        struct Floor: Decodable { var snp: UInt8? }
        var allow_debug: Bool?
        var forbid_migrate_ma: Bool?
        var measurement: String?
        var host_data: String?
        var report_data: String?
        var id_key_digest: String?
        var author_key_digest: String?
        var vmpl_max: UInt32?
        var min_tcb: Floor?
        var min_guest_svn: UInt32?
        var allow_zero_chip_id: Bool?
        var csp_id: String?
    }

    struct Parameters: Decodable {
        var verify_at: String?
        var allow_debug: Bool?
        var expected_report_data: String?
        var trust_roots: [String]?
        var policy: Policy?
    }

    struct Expectation: Decodable {
        var verdict: String
        var reason: String
    }

    var id: String
    var files: [String: String]
    var params: Parameters
    var expect: Expectation

    var testDescription: String { id }

    /// Whether the case is to be played with its own root pinned as that of a stand-in.
    var isSynthetic: Bool { params.trust_roots?.contains { $0.hasPrefix("snp/synthetic/") } ?? false }

    func bytes(_ role: String) throws -> [UInt8] { try Vectors.bytes("evidence/\(#require(files[role]))") }

    /// The evidence as the case presents it.
    func raw(as technology: Technology) throws -> RawEvidence {
        let report = try SNPReport(parsing: try bytes("evidence"))
        let leaf: CertificateTable.Kind = report.signingKey == .vlek ? .vlek : .vcek
        let evidence = SNPEvidence(
            report: report,
            certificates: [leaf: try bytes("leaf"), .ask: try bytes("intermediate"), .ark: try bytes("root")])
        return RawEvidence(
            technology: technology, evidence: evidence, revocationList: files["crl"] == nil ? nil : try bytes("crl"))
    }

    /// When the case plays, in seconds since 1970.
    func now() throws -> Int64 {
        Int64(try Date(#require(params.verify_at), strategy: .iso8601).timeIntervalSince1970)
    }

    func verifier() throws -> SNPVerifier {
        let now = try now()
        let pins: Set<[UInt8]> = isSynthetic ? [Fingerprint.sha256(try bytes("root"))] : []
        return SNPVerifier(
            anchors: try TrustAnchors(softRoots: pins),
            collateral: .revocationListOptional(because: "the vectors have none"),
            clock: { now })
    }

    /// What the case demands; what it does not name is relaxed, since the vectors are laxer than our defaults.
    func appraise(_ verified: VerifiedEvidence, distrust: Distrust = .nothing) throws -> Appraisal {
        let policy = params.policy
        let relaxed = EvidenceRequirements.Rule.ignored(because: "the case does not ask for it")
        var requirements = EvidenceRequirements.strict
        requirements.noDebug = policy?.allow_debug ?? params.allow_debug ?? false ? relaxed : .required
        requirements.noMigrationAgent = policy?.forbid_migrate_ma ?? false ? .required : relaxed
        requirements.singleSocket = relaxed
        requirements.distrust = distrust
        requirements.highestVMPL = policy?.vmpl_max ?? 3
        requirements.minimumGuestSVN = policy?.min_guest_svn ?? 0
        requirements.chipIdentity = policy?.allow_zero_chip_id ?? false ? relaxed : .required
        requirements.providers = policy?.csp_id.map { .named([$0]) } ?? .any(because: "the case names none")
        if let snp = policy?.min_tcb?.snp {
            requirements.firmware = .atLeast([
                verified.productLine: .init(bootLoader: 0, tee: 0, snp: snp, microcode: 0)
            ])
        }
        if let identity = policy?.id_key_digest, let author = policy?.author_key_digest {
            requirements.identityKeys = .exactly(
                identity: try Hex.decode(identity, field: "id"), author: try Hex.decode(author, field: "author"))
        }
        let report = verified.report
        let measurement = try policy?.measurement.map { try LaunchMeasurement(hex: $0) } ?? report.measurement
        let reference = ReferenceValue(
            technology: verified.technology, measurement: measurement, processors: 1, debug: false, version: "vector")
        let data = policy?.report_data ?? params.expected_report_data
        let hostData = try policy?.host_data.map { try Hex.decode($0, field: "host data") } ?? report.hostData
        let expectations = Expectations(
            reportData: try data.map { try Hex.decode($0, field: "report data") } ?? report.reportData,
            launch: hostData.allSatisfy { $0 == 0 } ? .unbound : .initData(digest: hostData))
        return try Appraiser(requirements: requirements, references: ReferenceValues([reference]))
            .appraise(verified, expecting: expectations)
    }

    private struct Manifest: Decodable {
        struct Element: Decodable {
            var value: VerifierCase?
            init(from decoder: any Decoder) throws {
                struct Name: Decodable { var tee: String }
                if try Name(from: decoder).tee == "sev-snp" { value = try? VerifierCase(from: decoder) }
            }
        }
        var cases: [Element]
    }

    /// All cases that have certificates.
    static let all: [VerifierCase] = {
        guard Vectors.available, let data = try? Data(contentsOf: Vectors.url("evidence/manifest.json")) else {
            return []
        }
        let cases = (try? JSONDecoder().decode(Manifest.self, from: data))?.cases ?? []
        return cases.compactMap(\.value).filter { $0.files["leaf"] != nil }
    }()

    static func named(_ id: String) throws -> VerifierCase { try #require(all.first { $0.id == id }) }
}
