import EndorsementSources
import FakeVendor
import Foundation
import TestSupport
import Testing
import Verifier
import WireFormat

@testable import Commands

@Suite("testudo evidence verify fetches", .enabled(if: Vectors.available))
struct EvidenceFetchTests {
    private static let june = ["--time", "2026-06-01T00:00:00Z"]
    private static let milan = ["--tee", "snp"] + path("snp/real/milan-v2-trustee/report.bin") + june
    private static let phala =
        ["--tee", "tdx"] + path("tdx/real/tdx-v4-phala/quote.dat") + ["--time", "2025-07-04T10:16:31Z"]

    private static func path(_ name: String) -> [String] { [Vectors.url("evidence/\(name)").path] }

    private static func verify(_ words: [String], cache: ScratchFolder) async throws -> PolicyReport {
        // With --offline a cache has to be there.
        let place = "\(cache.path)/cache"
        if words.contains("--offline") {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        }
        return try await EvidenceVerifyCommand.parse(words + ["--cache", place]).report()
    }

    /// A vendor that has the certificate of the vectors' Milan chip and no list of revoked ones.
    private static func amd() async throws -> FakeVendor {
        let der = try Vectors.bytes("evidence/snp/real/milan-v2-trustee/vcek.der")
        return try await FakeVendor.start { target, _ in
            target.hasPrefix("/vcek/v1/Milan/c38427a3") ? .found(der) : .absent
        }
    }

    /// A vendor that serves Intel's data as the vectors have it.
    private static func intel(without missing: String? = nil) async throws -> FakeVendor {
        let json = try JSONValue.parse(Vectors.bytes("evidence/tdx/collateral/phala-tdx.json"))
        func text(_ name: String) -> String { json[name]?.stringValue ?? "" }
        func body(_ member: String, _ name: String) -> [UInt8] {
            Array("{\"\(member)\":\(text(name)),\"signature\":\"\(text("\(name)_signature"))\"}".utf8)
        }
        let encoded = { (text: String) in
            text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        }
        let answers: [(String, [UInt8], [(String, String)])] = [
            (
                "/tdx/certification/v4/tcb", body("tcbInfo", "tcb_info"),
                [
                    ("TCB-Info-Issuer-Chain", encoded(text("tcb_info_issuer_chain")))
                ]
            ),
            (
                "/tdx/certification/v4/qe/identity", body("enclaveIdentity", "qe_identity"),
                [
                    ("SGX-Enclave-Identity-Issuer-Chain", encoded(text("qe_identity_issuer_chain")))
                ]
            ),
            (
                "/sgx/certification/v4/pckcrl", try Hex.decode(text("pck_crl"), field: "crl"),
                [
                    ("SGX-PCK-CRL-Issuer-Chain", encoded(text("pck_crl_issuer_chain")))
                ]
            ),
            ("/sgx/certification/v4/rootcacrl", try Hex.decode(text("root_ca_crl"), field: "crl"), []),
        ]
        return try await FakeVendor.start { target, _ in
            guard let answer = answers.first(where: { target.hasPrefix($0.0) }), answer.0 != missing else {
                return .absent
            }
            return .found(answer.1, answer.2)
        }
    }

    @Test func `a report alone is enough, once AMD's service gave the certificate`() async throws {
        let folder = try ScratchFolder()
        let vendor = try await Self.amd()
        let first = try await Self.verify(Self.milan + ["--kds", vendor.url], cache: folder)
        #expect(first.status == 0, "\(first)")
        #expect(first.output.contains("not fetched: AMD's list of revoked certificates for Milan"))
        #expect(first.output.contains("whether a certificate was revoked"))
        let asked = vendor.targets
        #expect(asked.contains { $0.hasSuffix("?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115") })
        await vendor.stop()
        let cached = try await Self.verify(Self.milan + ["--offline"], cache: folder)
        #expect(cached.status == 0, "\(cached)")
    }

    @Test func `without a network the address of what is missing is told`() async throws {
        let folder = try ScratchFolder()
        let report = try await Self.verify(Self.milan + ["--offline"], cache: folder)
        #expect(report.status == 1 && report.output.contains("refused: certificate: "), "\(report)")
        #expect(report.output.contains("https://kdsintf.amd.com/vcek/v1/Milan/c38427a3"))
        #expect(report.output.contains("?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115"))
        #expect(report.output.contains("pass the file with --endorsement FILE"))
        let quote = try await Self.verify(Self.phala + ["--offline"], cache: folder)
        #expect(quote.status == 0 && quote.output.contains("the vendor's status of the platform"), "\(quote)")
        #expect(quote.output.contains("https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc="))
        let provider = try await Self.verify(
            ["--tee", "snp"] + Self.path("snp/real/milan-v3-vlek-trustee/report.bin") + Self.june + ["--offline"],
            cache: folder)
        #expect(provider.status == 1 && provider.output.contains("comes with the evidence"), "\(provider)")
    }

    @Test func `a quote gets Intel's status from the service, then from the cache`() async throws {
        let folder = try ScratchFolder()
        let vendor = try await Self.intel()
        let first = try await Self.verify(Self.phala + ["--pcs", vendor.url], cache: folder)
        #expect(first.status == 0 && first.output.contains("TCB status: UpToDate"), "\(first)")
        #expect(Set(vendor.targets).count == 4 && vendor.targets.count == 4)
        await vendor.stop()
        let cached = try await Self.verify(Self.phala + ["--offline"], cache: folder)
        #expect(cached.status == 0 && cached.output.contains("TCB status: UpToDate"), "\(cached)")
        // A year later nothing that was kept is current.
        let late = try await Self.verify(
            Self.phala.dropLast() + ["2026-07-04T10:16:31Z", "--offline"], cache: folder)
        #expect(!late.output.contains("UpToDate"), "\(late)")
    }

    @Test(arguments: ["/tdx/certification/v4/tcb", "/sgx/certification/v4/rootcacrl"])
    func `whoever keeps Intel's data back gets no acceptance`(missing: String) async throws {
        let folder = try ScratchFolder()
        let vendor = try await Self.intel(without: missing)
        let report = try await Self.verify(Self.phala + ["--pcs", vendor.url], cache: folder)
        #expect(report.status == 3 && report.output.contains("could not be fetched"), "\(report)")
        await vendor.stop()
    }

    @Test func `a service that lies is not believed`() async throws {
        let folder = try ScratchFolder()
        let other = try Vectors.bytes("evidence/snp/real/milan-v2-virtee/vcek.der")
        let liar = try await FakeVendor.start { _, _ in .found(other) }
        let refused = try await Self.verify(Self.milan + ["--kds", liar.url], cache: folder)
        #expect(refused.status == 1 && refused.output.contains("another chip"), "\(refused)")
        let honest = try await Self.amd()
        let report = try await Self.verify(Self.milan + ["--kds", liar.url, "--kds", honest.url], cache: folder)
        #expect(report.status == 0, "\(report)")
        await liar.stop()
        await honest.stop()
    }

    @Test func `a folder in trustee's layout is looked into`() async throws {
        let folder = try ScratchFolder()
        let json = try await Self.verify(
            Self.milan + ["--offline", "--json", "--endorsement"] + Self.path("snp/real/milan-v2-trustee/vcek.der"),
            cache: folder)
        let chip = try #require(try JSONValue.parse(text: json.output)["claims"]?["chip_id"]?.stringValue)
        let place = "\(folder.path)/store/\(chip)"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try Data(Vectors.bytes("evidence/snp/real/milan-v2-trustee/vcek.der")).write(
            to: URL(fileURLWithPath: "\(place)/bl03_tee00_snp08_ucode115_vcek.der"))
        let report = try await Self.verify(
            Self.milan + ["--offline", "--kds-store", "\(folder.path)/store"], cache: folder)
        #expect(report.status == 0, "\(report)")
    }

    @Test func `a cache or folder that cannot be used is an error`() async throws {
        let folder = try ScratchFolder()
        let file = "\(folder.path)/file"
        try Data("x".utf8).write(to: URL(fileURLWithPath: file))
        for (words, reason) in [
            (["--cache", file], "--cache \(file): is a file, not a folder"),
            (["--cache", "\(file)/below"], "cannot be made"),
            (["--offline", "--cache", "\(folder.path)/none"], "there is no such folder"),
            (["--offline", "--cache", folder.path, "--kds-store", "\(folder.path)/none"], "--kds-store"),
            (["--offline", "--kds-store", file], "is a file, not a folder"),
        ] {
            let report = try await EvidenceVerifyCommand.parse(Self.milan + words).report()
            #expect(report.status == 2 && report.complaint.contains(reason), "\(words): \(report)")
        }
    }

    @Test func `collateral in a file that expired is fetched anew, or its date is told`() async throws {
        let folder = try ScratchFolder()
        let json = try JSONValue.parse(Vectors.bytes("evidence/tdx/collateral/phala-tdx.json"))
        var members = try #require(json.objectValue)
        // Intel's list of revoked platform certificates of half a year before.
        let old = try JSONValue.parse(Vectors.bytes("evidence/tdx/collateral/oe-feb25.json"))
        for name in ["pck_crl", "pck_crl_issuer_chain"] { members[name] = old[name] }
        let file = "\(folder.path)/collateral.json"
        try Data(JSONValue.object(members).canonicalBytes).write(to: URL(fileURLWithPath: file))
        let words = Self.phala + ["--endorsement", file]
        let offline = try await Self.verify(words + ["--offline"], cache: folder)
        #expect(offline.status == 1 && offline.output.contains("refused: collateral-date: "), "\(offline)")
        #expect(
            offline.output.contains("note: the list of revoked PCK certificates in the files expired at "), "\(offline)"
        )
        #expect(offline.output.contains("without --offline it is fetched anew"))
        let silent = try await FakeVendor.start { _, _ in .absent }
        let failed = try await Self.verify(words + ["--pcs", silent.url], cache: folder)
        #expect(failed.status == 1 && failed.output.contains("a newer one could not be fetched"), "\(failed)")
        await silent.stop()
        let vendor = try await Self.intel()
        let anew = try await Self.verify(words + ["--pcs", vendor.url], cache: folder)
        #expect(anew.status == 0 && anew.output.contains("TCB status: UpToDate"), "\(anew)")
        #expect(anew.output.contains(": fetched anew") && vendor.targets.count == 1, "\(vendor.targets)")
        await vendor.stop()
    }

    @Test func `what is no address is an error`() async throws {
        let report = try await Self.verify(Self.milan + ["--kds", "ftp://kds"], cache: ScratchFolder())
        #expect(report.status == 2 && report.complaint.contains("address ftp://kds"), "\(report)")
    }
}
