import Evidence
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Verifier

/// Submissions made from the vectors, and the services that they go to.
enum SubmissionBench {
    static func seconds(_ text: String) throws -> Int64 { try #require(CalendarTime(text: text)).seconds }

    static func settings(_ time: String, endorsements: [String] = [], softRoots: [String] = []) throws
        -> VerificationSettings
    {
        let now = try seconds(time)
        var files: [(name: String, bytes: [UInt8])] = []
        for path in endorsements { files.append((path, try Vectors.bytes(path))) }
        var roots: Set<[UInt8]> = []
        for path in softRoots { roots.insert(Fingerprint.sha256(try Vectors.bytes(path))) }
        return VerificationSettings(
            anchors: try TrustAnchors(softRoots: roots), endorsements: try EndorsementFiles(files), clock: { now })
    }

    static func json(_ path: String) throws -> JSONValue { try JSONValue.parse(try Vectors.bytes(path)) }

    static func quote(_ path: String) throws -> JSONValue {
        ["quote": .string(Base64.encode(try Vectors.bytes(path))), "cc_eventlog": .null]
    }

    /// A genuine piece of evidence for each technology that the vectors have one of, with what it is bound to.
    struct Sample: Sendable, CustomTestStringConvertible {
        var tee: String
        var evidence: JSONValue
        var settings: VerificationSettings
        var reportData: [UInt8]
        var status: String?
        var protections: Set<Protection>

        var testDescription: String { tee }

        func submission(_ reportData: [UInt8]? = nil, initData: Submission.InitData = .none) -> Submission {
            Submission(
                tee: tee, evidence: evidence, runtimeData: .raw(reportData ?? self.reportData), initData: initData)
        }
    }

    static let isolated: Set<Protection> = [
        .attested, .memoryConfidentiality, .memoryIntegrity, .replayProtection, .registerConfidentiality,
        .registerIntegrity, .rollbackProtection, .debugOff, .migrationOff,
    ]

    static let samples: [Sample] = {
        guard Vectors.available else { return [] }
        return (try? all()) ?? []
    }()

    private static func all() throws -> [Sample] {
        let trustee = "trustee/deps/verifier/test_data"
        let amd = try json("trustee/attestation-service/tests/e2e/evidence.json")
        let report = try SNPEvidence(json: amd).report
        let domain = try Vectors.bytes("evidence/tdx/real/tdx-v4-phala/quote.dat")
        let enclave = try Vectors.bytes("evidence/sgx/real/sgx-v3-phala/quote.dat")
        let stand = try Vectors.bytes("evidence/dcap-synthetic/tdx4/td-debug-allowed.quote.dat")
        let tpm = try json("\(trustee)/tpm_evidence.json")
        let token = try Vectors.bytes("\(trustee)/cca/misc/cca-example-token.cbor")
        var arm = try settings("2026-06-01T00:00:00Z")
        arm.platforms = try CCAEndorsement.list(json: try json("\(trustee)/cca/conf/tastore.json"))
        var debugging = try settings(
            "2026-06-01T00:00:00Z", endorsements: ["evidence/dcap-synthetic/tdx4/_valid.collateral.json"],
            softRoots: ["evidence/dcap-synthetic/root-ca.der"])
        debugging.allowDebugging()
        let challenge = Array("challenge".utf8)
        return [
            Sample(
                tee: "snp", evidence: amd, settings: try settings("2026-06-01T00:00:00Z"),
                reportData: report.reportData, protections: isolated.union([.aliasCheck])),
            Sample(
                tee: "tdx", evidence: ["quote": .string(Base64.encode(domain))],
                settings: try settings(
                    "2025-07-04T10:16:31Z", endorsements: ["evidence/tdx/collateral/phala-tdx.json"]),
                reportData: try Quote(parsing: domain).reportData, status: "UpToDate",
                protections: isolated.union([.firmwareCurrency])),
            Sample(
                tee: "sgx", evidence: ["quote": .string(Base64.encode(enclave))],
                settings: try settings(
                    "2025-07-04T10:28:44Z", endorsements: ["evidence/sgx/collateral/phala-sgx.json"]),
                reportData: try Quote(parsing: enclave).reportData, status: "ConfigurationAndSWHardeningNeeded",
                protections: isolated),
            Sample(
                tee: "soft-tdx", evidence: ["quote": .string(Base64.encode(stand))], settings: debugging,
                reportData: try Quote(parsing: stand).reportData, status: "UpToDate", protections: [.attested]),
            Sample(
                tee: "az-snp-vtpm", evidence: try json("\(trustee)/az-snp-vtpm/evidence-v1.json"),
                settings: try settings("2026-06-01T00:00:00Z"), reportData: challenge,
                protections: isolated.union([.aliasCheck])),
            Sample(
                tee: "az-tdx-vtpm", evidence: try json("\(trustee)/az-tdx-vtpm/evidence-v1.json"),
                settings: try settings(
                    "2024-12-17T00:50:00Z", endorsements: ["evidence/tdx/collateral/teepot-tdx_1.json"]),
                reportData: challenge, status: "OutOfDate",
                // SEPT_VE_DISABLE is off in Azure's domains.
                protections: isolated.subtracting([.memoryIntegrity])),
            Sample(
                tee: "tpm", evidence: tpm, settings: try settings("2026-06-01T00:00:00Z"),
                reportData: try TPMAttestation(
                    parsing: try Base64.decode(tpm["tpm_quote"]?["message"]?.stringValue ?? "", field: "message")
                ).extraData, protections: []),
            Sample(
                tee: "cca", evidence: ["token": .array(token.map { .integer(Int64($0)) })], settings: arm,
                reportData: try CCAToken(parsing: token).realm.challenge,
                protections: isolated.subtracting([.rollbackProtection])),
        ]
    }
}

extension Quote {
    fileprivate var reportData: [UInt8] {
        switch body {
        case .domain(let report): report.reportData
        case .enclave(let report): report.reportData
        }
    }
}
