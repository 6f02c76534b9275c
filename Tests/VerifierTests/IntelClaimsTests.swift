import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Claims of Intel quotes", .enabled(if: Vectors.available))
struct IntelClaimsTests {
    private static let trustee = "trustee/deps/verifier/test_data"

    private func verified(tdx id: String, _ technology: Technology = .tdx) throws -> VerifiedTDXQuote {
        let known = try IntelCase.named(id)
        let now = try known.now()
        return try IntelVerifier(anchors: known.anchors(), clock: { now })
            .verify(tdx: Quote(parsing: known.bytes("evidence")), as: technology, known.endorsements())
    }

    @Test func `TDX claims are those that trustee's test data expects`() throws {
        let quote = try Quote(parsing: Vectors.bytes("\(Self.trustee)/tdx_quote_4.dat"))
        let verified = try IntelVerifier(anchors: .hardwareOnly, clock: { 1_780_000_000 })
            .verify(tdx: quote, as: .tdx, .none(because: "trustee's test has none"))
        var expected = try #require(
            try JSONValue.parse(Vectors.bytes("\(Self.trustee)/parse_tdx_claims_expected.json")).objectValue)
        #expect(expected.removeValue(forKey: "uefi_event_logs") != nil)
        // Trustee's test leaves the configuration out; without Intel's data these are known from the certificate.
        var claims = TDXClaims.claims(of: verified).filter { !$0.key.hasPrefix("is_") }
        // Whether the domain may be migrated is a claim of our own.
        var attributes = try #require(claims["td_attributes"]?.objectValue)
        #expect(attributes.removeValue(forKey: "migratable") == false)
        claims["td_attributes"] = .object(attributes)
        #expect(JSONValue.object(claims) == .object(expected))
        #expect(TDXClaims.claims(of: verified)["is_smt_enabled"] != nil)
    }

    @Test func `a quote of version 5 has type and size, and TD 1.5 its two members`() throws {
        let quote = try #require(try TDXClaims.claims(of: verified(tdx: "tdx.tdx-v5-google"))["quote"])
        #expect(quote["type"] == "0300" && quote["size"] == "88020000")
        let body = try #require(quote["body"]?.objectValue)
        #expect(body["tee_tcb_svn2"] != nil && body["mr_servicetd"] != nil)
        let older = try verified(tdx: "tdx.syn.tdx5td10.valid", .softTDX)
        let plain = try #require(TDXClaims.claims(of: older)["quote"])
        #expect(plain["type"] == "0200" && plain["size"] == "48020000")
        #expect(plain["body"]?["tee_tcb_svn2"] == nil)
    }

    @Test func `what Intel says of the platform has the names of the key broker protocol`() throws {
        let claims = try TDXClaims.claims(of: verified(tdx: "tdx.tdx-v5-relaunch-oe"))
        #expect(claims["tcb_status"] == "TDRelaunchAdvised")
        #expect(claims["tcb_date"] == "2024-11-13T00:00:00Z")
        #expect(claims["collateral_expiration_status"] == "0")
        #expect(claims["tcb_eval_num"] == 18)
        #expect(claims["sgx_type"] == "Scalable")
        #expect(claims["platform_provider_id"] == "b2aa3c4797ef131754214cd614bbfaca")
        // The root is the oldest of all; of the published data the QE identity ends first.
        #expect(claims["earliest_issue_date"] == "2018-05-21T10:45:10Z")
        #expect(claims["earliest_expiration_date"] == "2025-03-22T11:31:38Z")
        for name in [
            "latest_issue_date", "pck_crl_num", "root_ca_crl_num", "platform_instance_id", "is_dynamic_platform",
            "is_cached_keys", "is_smt_enabled", "advisory_ids",
        ] { #expect(claims[name] != nil, "\(name)") }
    }

    @Test func `SGX claims are those of trustee's example token`() throws {
        let token = try JSONValue.parse(Vectors.bytes("trustee/attestation-service/docs/example.token.json"))
        let evidence = token["submods"]?["cpu0"]?["ear.veraison.annotated-evidence"]
        let expected = try #require(evidence?["sgx"]?.objectValue)
        let known = try IntelCase.named("sgx.sgx-v3-debug-occlum.allow-debug")
        let now = try known.now()
        let verified = try IntelVerifier(anchors: .hardwareOnly, clock: { now })
            .verify(sgx: Quote(parsing: known.bytes("evidence")), as: .sgx, known.endorsements())
        var claims = SGXClaims.claims(of: verified)
        #expect(claims.removeValue(forKey: "report_data") == evidence?["report_data"])
        #expect(claims.removeValue(forKey: "init_data") == evidence?["init_data"])
        // The token leaves the instance out, which the certificate has.
        #expect(claims.removeValue(forKey: "platform_instance_id") != nil)
        // What trustee leaves to the flags, which policies cannot take apart.
        #expect(claims.removeValue(forKey: "debug") == true)
        #expect(Set(claims.keys) == Set(expected.keys))
        // The rest depends on when Intel's data was fetched.
        for name in [
            "body", "header", "root_key_id", "platform_provider_id", "sgx_type", "is_cached_keys",
            "is_dynamic_platform", "is_smt_enabled", "tcb_status", "earliest_issue_date", "pck_crl_num",
            "root_ca_crl_num", "collateral_expiration_status",
        ] { #expect(claims[name] == expected[name], "\(name)") }
    }
}
