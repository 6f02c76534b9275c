import EndorsementSources
import Envelope
import Evidence
import FakeVendor
import Foundation
import TestSupport
import Testing
import Verifier
import WireFormat

@testable import KeyBroker

/// The broker and what vendors publish: fetched within bounds, never for strangers' forgeries, and silent to the host.
@Suite("Endorsements of the broker", .enabled(if: Vectors.available))
struct EndorsementTests {
    private static let chip = "evidence/snp/real/milan-v2-trustee"

    private static func bench(_ url: String, seconds: Int64 = 10, offline: Bool = false) async throws -> BrokerBench {
        try await BrokerBench { _, configuration in
            configuration.endorsements.places.kds = [url]
            configuration.endorsements.places.pcs = [url]
            configuration.endorsements.seconds = seconds
            configuration.endorsements.isOffline = offline
        }
    }

    /// A handshake with a report that a real chip made for somebody else: made to say what is demanded, or not.
    private static func attest(
        _ bench: BrokerBench, technology: String = "snp", isBound: Bool = true
    ) async throws -> BrokerResponse {
        let guest = FakeGuest()
        let (cookie, nonce) = try await bench.challenge(technology)
        var report = try SNPReport(parsing: Vectors.bytes("\(chip)/report.bin"))
        if isBound {
            report.reportData = ReportBinding.rcar(
                teePublicKey: guest.publicKey, nonce: nonce, additionalEvidence: guest.additional)
            report.hostData = try Hex.decode(guest.digest, field: "digest")
        }
        var body = guest.attestation(nonce).objectValue ?? [:]
        body["tee-evidence"] = [
            "primary_evidence": SNPEvidence(report: report, certificates: [:]).json,
            "additional_evidence": .string(guest.additional),
        ]
        return await bench.send("POST", "kbs/v0/attest", body: JSONValue.object(body).canonicalBytes, cookie: cookie)
    }

    private static func text(_ response: BrokerResponse) -> String { String(decoding: response.body, as: UTF8.self) }

    private static func denial(_ bench: BrokerBench) async throws -> (check: String?, reason: String) {
        let line = try await bench.audit().last { $0["kind"] == "attest" && $0["decision"] == "deny" }
        return (line?["check"]?.stringValue, line?["reason"]?.stringValue ?? "")
    }

    @Test func `what cannot be had denies, and only the tenant learns where it was looked for`() async throws {
        let vendor = try await FakeVendor.start { _, _ in .absent }
        let bench = try await Self.bench(vendor.url)
        let response = try await Self.attest(bench)
        #expect(response.status == 401)
        #expect(Self.text(response).contains("could not be had") && !Self.text(response).contains(vendor.url))
        let denial = try await Self.denial(bench)
        #expect(denial.check == "collateral" && denial.reason.contains(vendor.url), "\(denial)")
        #expect(vendor.targets.contains { $0.hasPrefix("/vcek/v1/Milan/c38427a3") })
        await vendor.stop()
    }

    @Test func `a vendor that never finishes delays the handshake no longer than configured`() async throws {
        let vendor = try await FakeVendor.start { _, _ in .drip }
        let bench = try await Self.bench(vendor.url, seconds: 1)
        let response = try await Self.attest(bench)
        #expect(response.status == 401)
        let denial = try await Self.denial(bench)
        #expect(denial.check == "collateral", "\(denial)")
        await vendor.stop()
    }

    @Test func `what was fetched is kept and checked: a forged report is refused for its signature`() async throws {
        let der = try Vectors.bytes("\(Self.chip)/vcek.der")
        let vendor = try await FakeVendor.start { target, _ in target.contains("blSPL=") ? .found(der) : .absent }
        let bench = try await Self.bench(vendor.url)
        _ = try await Self.attest(bench)
        let missing = try await Self.denial(bench)
        #expect(missing.check == "collateral" && missing.reason.contains("list of revoked"), "\(missing)")
        // Once the certificate is kept, a forgery makes nobody ask any more.
        let count = vendor.targets.count
        #expect(try await Self.attest(bench).status == 401)
        #expect(try await Self.denial(bench).check == "signature")
        #expect(vendor.targets.count == count)
        await vendor.stop()
        let kept = try await Self.bench("http://127.0.0.1:1", offline: true)
        try FileManager.default.copyItem(atPath: bench.folder + "/endorsements", toPath: kept.folder + "/endorsements")
        #expect(try await Self.attest(kept).status == 401)
        #expect(try await Self.denial(kept).check == "signature")
    }

    @Test func `stand-ins and reports for others make nobody ask`() async throws {
        let vendor = try await FakeVendor.start { _, _ in .absent }
        let bench = try await Self.bench(vendor.url)
        #expect(try await Self.attest(bench, isBound: false).status == 401)
        #expect(try await Self.attest(bench, technology: "soft-snp").status == 401)
        let tpm = SoftwareTPM(initData: "version = \"0.1.0\"\n")
        let (cookie, _) = try await bench.challenge("tpm")
        var body = FakeGuest().attestation("x").objectValue ?? [:]
        body["tee-evidence"] = ["primary_evidence": try tpm.evidence([1]), "additional_evidence": ""]
        _ = await bench.send("POST", "kbs/v0/attest", body: JSONValue.object(body).canonicalBytes, cookie: cookie)
        #expect(vendor.targets.isEmpty)
        await vendor.stop()
    }

    @Test func `a quote without Intel's status denies, but for a broker that asks nobody`() async throws {
        let vendor = try await FakeVendor.start { _, _ in .absent }
        let quote = try Quote(parsing: Vectors.bytes("evidence/tdx/real/tdx-v4-phala/quote.dat"))
        // As of 2025-07-04, when the quote's chain was valid.
        let clock = BrokerClock { Date(timeIntervalSince1970: 1_751_624_191) }
        let verifier = IntelVerifier(anchors: .hardwareOnly, clock: { clock.seconds })
        func verified(offline: Bool) async throws -> VerifiedQuote<TDReport> {
            let bench = try await Self.bench(vendor.url, offline: offline)
            var settings = try BrokerConfiguration(file: bench.folder + "/config.json").endorsements
            (settings.places.pcs, settings.isOffline) = ([vendor.url], offline)
            let shelf = try EndorsementShelf(paths: [], supply: try settings.supply(clock: clock))
            return try await shelf.verifying(.quote(quote), isBound: true) { (_) throws(EvidenceRefusal) in
                try verifier.verify(tdx: quote, as: .tdx, .none(because: "there is none"))
            }
        }
        let denied = await #expect(throws: AppraisalFailure.self) { try await verified(offline: false) }
        #expect(denied?.check == "collateral" && denied?.reason.contains(vendor.url) == false)
        #expect(denied?.note.contains("\(vendor.url): there is no such thing") == true, "\(String(describing: denied))")
        #expect(vendor.targets.contains { $0.hasPrefix("/tdx/certification/v4/tcb?fmspc=") })
        let asked = vendor.targets.count
        #expect(try await verified(offline: true).endorsement.tcb == nil && vendor.targets.count == asked)
        await vendor.stop()
    }

    @Test func `files are read again when they change, and refuse when they cannot be read`() async throws {
        let folder = try ScratchFolder()
        let path = try folder.write("intel.json", Vectors.bytes("evidence/tdx/collateral/phala-tdx.json"))
        let supply = try EndorsementSupply(EndorsementPlaces(), .offline, clock: { 0 })
        let shelf = try EndorsementShelf(paths: [path], supply: supply)
        func hasIntel() async throws(AppraisalFailure) -> Bool {
            try await shelf.verifying(nil, isBound: true) { files in (try? files.intel) ?? nil } != nil
        }
        #expect(try await hasIntel())
        _ = try folder.write("intel.json", Vectors.bytes("\(Self.chip)/vcek.der"))
        #expect(try await !hasIntel())
        _ = try folder.write("intel.json", Vectors.bytes("evidence/tdx/collateral/phala-tdx.json"))
        #expect(try await hasIntel())
        for change in [
            { _ = try folder.write("intel.json", [1]) }, { try FileManager.default.removeItem(atPath: path) },
        ] {
            try change()
            let failure = await #expect(throws: AppraisalFailure.self) { try await hasIntel() }
            #expect(failure?.check == "collateral")
            #expect(failure?.note.contains(path) == true && failure?.reason.contains(path) == false)
        }
        _ = try folder.write("intel.json", Vectors.bytes("evidence/tdx/collateral/phala-tdx.json"))
        #expect(try await hasIntel())
    }

    @Test(arguments: [
        #"{"kds":"x"}"#, #"{"offline":"no"}"#, #"{"seconds":0}"#, #"{"seconds":31}"#, #"{"unknown":1}"#, "[]",
    ])
    func `a configuration that says something else is refused`(member: String) async throws {
        let bench = try await BrokerBench()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: bench.folder + "/config.json"))
        var members = try JSONValue.parse(Array(bytes)).objectValue ?? [:]
        members["endorsements"] = try JSONValue.parse(text: member)
        let changed = JSONValue.object(members).canonicalBytes
        #expect(throws: WireError.self) { try BrokerConfiguration(parsing: changed, folder: bench.folder) }
    }

    @Test func `a broker does not start with an address or folder that is none`() async throws {
        await #expect(throws: BrokerError.self) { try await Self.bench("ftp://mirror") }
        let error = await #expect(throws: BrokerError.self) {
            try await BrokerBench { folder, configuration in
                configuration.endorsements.places.folders = [folder + "/none"]
            }
        }
        #expect(error?.detail.contains("/none: there is no such folder") == true, "\(String(describing: error))")
    }
}
