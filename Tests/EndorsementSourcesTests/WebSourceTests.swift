import Evidence
import FakeVendor
import Foundation
import NIOPosix
import Synchronization
import TestSupport
import Testing
import WireFormat

@testable import EndorsementSources
@testable import Verifier

@Suite("Clients of AMD's and Intel's services", .enabled(if: Vectors.available))
struct WebSourceTests {
    /// The pauses that were asked for; none is made.
    final class Pauses: Sendable {
        private let list = Mutex<[Duration]>([])
        var all: [Duration] { list.withLock { $0 } }
        func wait(_ pause: Duration) { list.withLock { $0.append(pause) } }
    }

    static func source(
        _ urls: [String], service: PublishingService = .keyDistribution, roots: [String] = [],
        policy: RetryPolicy = .standard, pauses: Pauses = Pauses()
    ) throws -> WebSource {
        WebSource(
            service, mirrors: try urls.map { try ServiceAddress($0, roots: roots) }, policy: policy,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, wait: { pauses.wait($0) })
    }

    private static func failure(
        _ source: WebSource, _ item: EndorsementItem, at now: Int64 = PublishedVectors.june
    ) async throws -> EndorsementFailure? {
        let checker = try EndorsementChecker()
        do throws(EndorsementFailure) {
            _ = try await source.obtain(item, at: now, checker: checker)
            return nil
        } catch { return error }
    }

    @Test func `AMD's certificate is asked for by line, chip and firmware`() async throws {
        let (item, der) = try PublishedVectors.milan()
        let path = try #require(PublishingService.keyDistribution.path(of: item))
        let vendor = try await FakeVendor.start { target, _ in target == path ? .found(der) : .absent }
        let found = try await Self.source([vendor.url]).obtain(
            item, at: PublishedVectors.june, checker: EndorsementChecker())
        #expect(found.bytes == der && vendor.targets == [path])
        await vendor.stop()
    }

    @Test func `Intel's data comes with its issuers in headers`() async throws {
        let intel = try PublishedVectors.Intel()
        let headers = [
            "tcb": "TCB-Info-Issuer-Chain", "identity": "SGX-Enclave-Identity-Issuer-Chain",
            "pckcrl": "SGX-PCK-CRL-Issuer-Chain",
        ]
        let vendor = try await FakeVendor.start { target, _ in
            for (item, answer) in intel.answers where PublishingService.provisioning.path(of: item) == target {
                let name = headers.first { target.contains($0.key) && !target.contains("rootcacrl") }?.value
                let chain = answer.issuerChain.map { PublishedVectors.percentEncoded($0) }
                return .found(answer.bytes, name.flatMap { name in chain.map { [(name, $0)] } } ?? [])
            }
            return .absent
        }
        for (item, answer) in intel.answers {
            let found = try await Self.source([vendor.url], service: .provisioning).obtain(
                item, at: PublishedVectors.summer, checker: EndorsementChecker())
            #expect(found.bytes == answer.bytes && found.until > PublishedVectors.summer, "\(item)")
        }
        await vendor.stop()
    }

    @Test func `a busy server is asked again, after the pause that it asks for`() async throws {
        let (item, der) = try PublishedVectors.milan()
        let pauses = Pauses()
        let vendor = try await FakeVendor.start { _, count in
            switch count {
            case 0: .respond(429, [("Retry-After", "7")], [])
            case 1: .respond(503, [], [])
            default: .found(der)
            }
        }
        let found = try await Self.source([vendor.url], pauses: pauses).obtain(
            item, at: PublishedVectors.june, checker: EndorsementChecker())
        #expect(found.bytes == der && vendor.targets.count == 3)
        #expect(pauses.all.first == .seconds(7))
        #expect(try #require(pauses.all.last) <= .seconds(1))
        await vendor.stop()
    }

    @Test func `a server that asks for too long a pause is left for the next mirror`() async throws {
        let (item, der) = try PublishedVectors.milan()
        let pauses = Pauses()
        let busy = try await FakeVendor.start { _, _ in .respond(429, [("Retry-After", "3600")], []) }
        let mirror = try await FakeVendor.start { _, _ in .found(der) }
        let found = try await Self.source([busy.url, "\(mirror.url)/amd"], pauses: pauses).obtain(
            item, at: PublishedVectors.june, checker: EndorsementChecker())
        #expect(found.bytes == der && busy.targets.count == 1 && pauses.all.isEmpty)
        #expect(mirror.targets.first?.hasPrefix("/amd/vcek/v1/Milan/") == true)
        await busy.stop()
        let failed = try #require(
            try await Self.failure(Self.source(["http://127.0.0.1:1", mirror.url]), .rootRevocationList))
        #expect(failed.attempts.isEmpty)
        await mirror.stop()
    }

    @Test func `a broken server is asked as often as the policy says and named`() async throws {
        let (item, _) = try PublishedVectors.milan()
        let pauses = Pauses()
        let vendor = try await FakeVendor.start { _, count in count == 1 ? .hangUp : .respond(500, [], []) }
        let failed = try #require(try await Self.failure(Self.source([vendor.url], pauses: pauses), item))
        #expect(pauses.all.count == 2 && vendor.targets.count >= 3)
        #expect(failed.attempts.count == 1 && failed.description.contains("status 500"), "\(failed)")
        #expect(failed.description.contains(vendor.url))
        await vendor.stop()
        let gone = try #require(try await Self.failure(Self.source([vendor.url]), item))
        #expect(gone.description.contains("connect") && !gone.isAbsence, "\(gone)")
    }

    @Test func `an answer that is too slow ends`() async throws {
        let (item, _) = try PublishedVectors.milan()
        var policy = RetryPolicy.standard
        (policy.attempts, policy.attemptLimit) = (1, .seconds(1))
        let vendor = try await FakeVendor.start { _, _ in .drip }
        let failed = try #require(try await Self.failure(Self.source([vendor.url], policy: policy), item))
        #expect(failed.description.contains("no whole answer within 1 seconds"), "\(failed)")
        await vendor.stop()
    }

    @Test func `mirrors that dribble bytes get no more time than there is for all`() async throws {
        let (item, _) = try PublishedVectors.milan()
        var policy = RetryPolicy.standard
        (policy.attemptLimit, policy.totalLimit) = (.seconds(2), .seconds(3))
        let first = try await FakeVendor.start { _, _ in .drip }
        let second = try await FakeVendor.start { _, _ in .drip }
        let failed = try #require(
            try await Self.failure(Self.source([first.url, second.url], policy: policy), item))
        #expect(failed.attempts.map(\.place) == [first.url, second.url])
        #expect(failed.attempts.first?.reason == "no whole answer within 2 seconds", "\(failed)")
        // What is left after two of three seconds is no more than one.
        let last = failed.attempts.last?.reason ?? ""
        #expect(["no whole answer within 1 seconds", "no whole answer within 0 seconds"].contains(last), "\(failed)")
        await first.stop()
        await second.stop()
    }

    @Test(arguments: ["oversize", "html", "another chip", "redirect", "forbidden", "absent"])
    func `what is not genuine is refused, not asked for twice, and the next mirror serves`(wrong: String) async throws {
        let (item, der) = try PublishedVectors.milan()
        let other = try Vectors.bytes("evidence/snp/real/milan-v2-virtee/vcek.der")
        let liar = try await FakeVendor.start { _, _ in
            switch wrong {
            case "oversize": .found([UInt8](repeating: 0x30, count: 2 << 20))
            case "html": .found(Array("<html><body>sign in</body></html>".utf8))
            case "another chip": .found(other)
            case "redirect": .respond(302, [("Location", "http://127.0.0.1:1/")], [])
            case "forbidden": .respond(403, [], [])
            default: .absent
            }
        }
        let honest = try await FakeVendor.start { _, _ in .found(der) }
        let failed = try #require(try await Self.failure(Self.source([liar.url]), item))
        #expect(liar.targets.count == 1 && failed.isAbsence == (wrong == "absent"), "\(failed)")
        if wrong == "another chip" { #expect(failed.description.contains("another chip")) }
        let found = try await Self.source([liar.url, honest.url]).obtain(
            item, at: PublishedVectors.june, checker: EndorsementChecker())
        #expect(found.bytes == der)
        await liar.stop()
        await honest.stop()
    }

    @Test func `lists that expired and data of another platform are refused`() async throws {
        let intel = try PublishedVectors.Intel()
        let other = try PublishedVectors.Intel(.tdx, "tdx/collateral/trustee-oct25.json")
        try #require(other.fmspc != intel.fmspc)
        let wanted = EndorsementItem.tcbInfo(.tdx, fmspc: intel.fmspc)
        let wrong = try #require(other.answers[.tcbInfo(.tdx, fmspc: other.fmspc)])
        let list = try #require(intel.answers[.rootRevocationList])
        let vendor = try await FakeVendor.start { target, _ in
            if target.contains("rootcacrl") { return .found(list.bytes) }
            return .found(
                wrong.bytes, [("TCB-Info-Issuer-Chain", PublishedVectors.percentEncoded(wrong.issuerChain ?? []))])
        }
        // A moment at which the other platform's data is current.
        let autumn = try #require(try TCBInfoDates.next(wrong.bytes)) - 86_400
        let source = try Self.source([vendor.url], service: .provisioning)
        let target = try #require(try await Self.failure(source, wanted, at: autumn))
        #expect(target.description.contains("another platform"), "\(target)")
        let expired = try #require(try await Self.failure(source, .rootRevocationList, at: 4_000_000_000))
        #expect(expired.description.contains("has expired"), "\(expired)")
        await vendor.stop()
    }

    @Test func `TLS servers need a certificate of the roots`() async throws {
        let (item, der) = try PublishedVectors.milan()
        let folder = try ScratchFolder()
        let (certificate, key) = ("\(folder.path)/cert.pem", "\(folder.path)/key.pem")
        try run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
                certificate,
            ])
        let pem = try (
            certificate: String(contentsOfFile: certificate, encoding: .utf8),
            key: String(contentsOfFile: key, encoding: .utf8)
        )
        let vendor = try await FakeVendor.start(tls: pem) { _, _ in .found(der) }
        let found = try await Self.source([vendor.url], roots: [pem.certificate]).obtain(
            item, at: PublishedVectors.june, checker: EndorsementChecker())
        #expect(found.bytes == der)
        try run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
                certificate,
            ])
        let stranger = try String(contentsOfFile: certificate, encoding: .utf8)
        let failed = try #require(
            try await Self.failure(Self.source([vendor.url], roots: [stranger]), item))
        #expect(failed.description.contains("tls"), "\(failed)")
        await vendor.stop()
    }
}
