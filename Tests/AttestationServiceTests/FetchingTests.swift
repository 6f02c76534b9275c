import EndorsementSources
import Envelope
import FakeVendor
import Foundation
import TestSupport
import Testing
import WireFormat

/// The service asks vendors, who are played here, for what evidence does not bring.
@Suite("The attestation service fetches", .enabled(if: Vectors.available && areInstalled("curl")))
struct FetchingTests {
    /// The report of a Milan chip without any certificate.
    private static func request() throws -> [UInt8] {
        let evidence = try Vectors.bytes("trustee/attestation-service/tests/e2e/evidence.json")
        var members = try JSONValue.parse(evidence).objectValue ?? [:]
        members["cert_chain"] = .null
        let bare = Base64.encodeURL(JSONValue.object(members).canonicalBytes)
        return JSONValue.object(["verification_requests": [["tee": "snp", "evidence": .string(bare)]]]).canonicalBytes
    }

    /// The certificate that the evidence of the vectors brings.
    private static func certificate() throws -> [UInt8] {
        let evidence = try JSONValue.parse(
            try Vectors.bytes("trustee/attestation-service/tests/e2e/evidence.json"))
        let chain = try #require(evidence["cert_chain"]?.arrayValue)
        let entry = try #require(chain.first { $0["cert_type"] == "VCEK" })
        return entry["data"]?.arrayValue?.compactMap { $0.integerValue.flatMap(UInt8.init(exactly:)) } ?? []
    }

    private static func evaluate(_ service: ServiceProcess) throws -> (status: String, reason: String) {
        let reply = try service.http("/attestation", token: ServiceProcess.clientToken, body: try request())
        return (reply.status, String(decoding: reply.body, as: UTF8.self))
    }

    @Test func `a report alone is enough once its key's certificate was had`() async throws {
        let der = try Self.certificate()
        let vendor = try await FakeVendor.start { target, _ in
            target.contains("blSPL=") ? .found(der) : .absent
        }
        let folder = try ScratchFolder()
        let cache = ["--cache", folder.path + "/kept"]
        // Online, nobody passes of whom it is not known whether he was revoked; callers learn what is missing.
        let online = try Self.evaluate(try ServiceProcess(["--kds", vendor.url, "--pcs", vendor.url] + cache))
        #expect(online.status == "403")
        #expect(online.reason.hasPrefix("collateral: ") && online.reason.contains("list of revoked"), "\(online)")
        #expect(vendor.targets.contains { $0.contains("blSPL=") } && vendor.targets.contains { $0.hasSuffix("/crl") })
        await vendor.stop()
        let kept = try Self.evaluate(try ServiceProcess(["--offline"] + cache))
        #expect(kept.status == "200", "\(kept)")
        let nothing = try Self.evaluate(try ServiceProcess(["--offline"]))
        #expect(nothing.status == "403" && nothing.reason.hasPrefix("certificate: "), "\(nothing)")
    }
}
