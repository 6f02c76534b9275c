import Crypto
import Envelope
import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Attestation service", .enabled(if: Vectors.available))
struct AttestationEvaluatorTests {
    private static func sample(_ tee: String) throws -> SubmissionBench.Sample {
        try #require(SubmissionBench.samples.first { $0.tee == tee })
    }

    private static func service(
        _ sample: SubmissionBench.Sample, _ references: [String: JSONValue] = [:]
    ) throws -> AttestationEvaluator {
        try AttestationEvaluator(
            SubmissionVerifier(sample.settings), references: FixedReferenceValues(references))
    }

    /// Reference values as somebody would register them who looked at this machine and liked it.
    private static func snpReferences(_ claims: JSONValue) -> [String: JSONValue] {
        let names = [
            "snp_launch_measurement": "measurement", "snp_bootloader": "reported_tcb_bootloader",
            "snp_microcode": "reported_tcb_microcode", "snp_snp_svn": "reported_tcb_snp",
            "snp_tee_svn": "reported_tcb_tee",
        ]
        return names.mapValues { .array([claims[$0] ?? .null]) }
    }

    @Test func `trustee's own evidence becomes a token in the form of trustee's`() throws {
        let sample = try Self.sample("snp")
        let unknown = try Self.service(sample).evaluate(sample.submission())
        #expect(unknown.status == .contraindicated)
        let claims = try #require(unknown.verified.annotatedEvidence["snp"])
        let service = try Self.service(sample, Self.snpReferences(claims))
        let result = try service.evaluate(sample.submission())
        #expect(result.status == .affirming)
        let key = TokenSigningKey(.es256).certified(by: [[1, 2, 3]])
        let issuer = AttestationTokenIssuer(
            keyring: TokenKeyring(key, since: 0, lifetime: 300), issuer: "CoCo-Attestation-Service", build: "tests")
        let token = try issuer.issue(
            submodules: try AttestationResult.submodules([result]), more: ["aud": "somebody", "iss": "nobody"],
            now: 1_000_000)
        let (header, payload) = try JWS.verify(token, keys: [key.verificationKey])
        #expect(header["alg"] == "ES256" && header["typ"] == "JWT")
        #expect(header["kid"]?.stringValue == key.identifier)
        #expect(header["jwk"]?["x5c"] == ["AQID"])
        #expect(header["jwk"]?["crv"] == "P-256" && header["jwk"]?["alg"] == "ES256")
        #expect(payload["eat_profile"] == "tag:github.com,2024:confidential-containers/Trustee")
        #expect(payload["exp"] == 1_000_300 && payload["iat"] == 1_000_000)
        #expect(payload["iss"] == "CoCo-Attestation-Service" && payload["aud"] == "somebody")
        let cpu = try #require(payload["submods"]?["cpu0"])
        #expect(cpu["ear.status"] == "affirming" && cpu["ear.appraisal-policy-id"] == "default")
        #expect(cpu["ear.trustworthiness-vector"]?["hardware"] == 2)
        let evidence = try #require(cpu["ear.veraison.annotated-evidence"])
        #expect(
            Set(evidence.objectValue?.keys.map { $0 } ?? []) == [
                "snp", "report_data", "init_data", "runtime_data_claims", "init_data_claims", "protections",
            ])
    }

    @Test func `several devices give several submodules, and one that is refused refuses all`() throws {
        let sample = try Self.sample("snp")
        let service = try Self.service(sample)
        let results = try service.evaluate([sample.submission(), sample.submission()])
        let submodules = try AttestationResult.submodules(results)
        #expect(Set(submodules.objectValue?.keys.map { $0 } ?? []) == ["cpu0", "cpu1"])
        let nvidia = Submission(tee: "nvidia", evidence: ["device_evidence_list": []])
        #expect(throws: EvidenceRefusal.self) { try service.evaluate([sample.submission(), nvidia]) }
        #expect(throws: EvidenceRefusal.self) { try service.evaluate([]) }
        #expect(throws: EvidenceRefusal.self) {
            try service.evaluate(Array(repeating: sample.submission(), count: 65))
        }
    }

    @Test func `policies have names, are compiled when set, and see protections`() throws {
        let sample = try Self.sample("snp")
        let service = try Self.service(sample)
        try service.setPolicy(
            "strict_cpu",
            source: """
                package policy
                import rego.v1
                default trust_claims := {"hardware": 97}
                trust_claims := {"hardware": 2} if {
                \t"memory-integrity" in input.protections
                }
                extensions := [{"name": "ear.test", "key": -70001, "value": input.protections}]
                """)
        #expect(service.policyIdentifiers == ["default", "strict_cpu"])
        let result = try service.evaluate(sample.submission(), policy: "strict")
        #expect(result.status == .affirming)
        #expect(result.submodule["ear.test"]?.arrayValue?.contains("memory-integrity") == true)
        #expect(result.submodule["ear.appraisal-policy-id"] == "strict")
        let stand = try Self.sample("soft-tdx")
        let soft = try Self.service(stand)
        try soft.setPolicy(
            "default",
            source: """
                package policy
                import rego.v1
                default trust_claims := {"hardware": 97}
                trust_claims := {"hardware": 2} if "memory-integrity" in input.protections
                """)
        #expect(try soft.evaluate(stand.submission()).status == .contraindicated)
        #expect(throws: WireError.self) { try service.setPolicy("broken", source: "package policy\nallow {{") }
        for name in ["", "a/b", "a b", "ü", String(repeating: "a", count: 129)] {
            #expect(throws: WireError.self) { try service.setPolicy(name, source: "package policy") }
        }
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try service.evaluate(sample.submission(), policy: "missing")
        }
        #expect(refusal?.check == .policy)
    }

    @Test func `a policy cannot write the service's own members`() throws {
        let sample = try Self.sample("snp")
        let service = try Self.service(sample)
        for name in ["ear.status", "ear.veraison.annotated-evidence", "testudo.explanation"] {
            try service.setPolicy(
                "forger",
                source: """
                    package policy
                    trust_claims := {"hardware": 97}
                    extensions := [{"name": "\(name)", "key": 1, "value": "affirming"}]
                    """)
            #expect(throws: EvidenceRefusal.self) { try service.evaluate(sample.submission(), policy: "forger") }
        }
    }

    @Test(arguments: SubmissionBench.samples)
    func `every claim is explained by a check that was made`(sample: SubmissionBench.Sample) throws {
        let result = try Self.service(sample).evaluate(sample.submission())
        let explanation = try result.explanation()
        #expect(!explanation.claims.isEmpty)
        let checks = Set(explanation.checks.map(\.field))
        for claim in explanation.claims where claim.status == .checked || claim.status == .signed {
            #expect(checks.contains(claim.check), "\(claim.name): \(claim.check)")
        }
        let bound = explanation.claims.first { $0.name == "report_data" }
        #expect(bound?.status == .checked)
        #expect(explanation.trace.contains("trust_claims"))
        let explained = try result.explainedSubmodule()
        #expect(explained[Explanation.member]?["protections"]?.arrayValue?.count == Protection.allCases.count)
        // What the host may see of a result has no explanation in it.
        #expect(result.submodule[Explanation.member] == nil)
    }
}
