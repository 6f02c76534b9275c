import Evidence
import FakeVendor
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import EndorsementSources
@testable import Verifier

@Suite("Endorsements from cache, folders and services", .enabled(if: Vectors.available))
struct EndorsementFetcherTests {
    private static func fetcher(
        _ folder: String, _ vendor: FakeVendor?, _ service: PublishingService = .keyDistribution,
        mode: EndorsementFetcher.Mode = .online, store: String? = nil
    ) throws -> EndorsementFetcher {
        EndorsementFetcher(
            cache: EndorsementCache(folder: folder), folders: store.map { [OfflineStore(folder: $0)] } ?? [],
            services: try vendor.map { [try WebSourceTests.source([$0.url], service: service)] } ?? [], mode: mode)
    }

    @Test func `what was fetched is kept, and serves without a network`() async throws {
        let folder = try ScratchFolder()
        let (item, der) = try PublishedVectors.milan()
        let vendor = try await FakeVendor.start { _, _ in .found(der) }
        let checker = try EndorsementChecker()
        let place = "\(folder.path)/cache/deep"
        for _ in 0..<3 {
            let found = try await Self.fetcher(place, vendor).obtain(item, at: PublishedVectors.june, checker: checker)
            #expect(found.bytes == der)
        }
        #expect(vendor.targets.count == 1)
        await vendor.stop()
        let kept = try await Self.fetcher(place, nil, mode: .offline).obtain(
            item, at: PublishedVectors.june, checker: checker)
        #expect(kept.bytes == der)
        let mode = try FileManager.default.attributesOfItem(atPath: place)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place) == ["\(item.key).json"])
    }

    @Test func `whoever believes another root gets no answer that was checked for somebody else`() async throws {
        let (item, der) = try PublishedVectors.milan()
        let vendor = try await FakeVendor.start { _, _ in .found(der) }
        let genuine = try EndorsementChecker()
        let other = try PublishedVectors.checker(believing: .milan)
        let twin = try EndorsementChecker()
        #expect(genuine.identity != other.identity && genuine.identity == twin.identity)
        for checkers in [[genuine, other], [other, genuine]] {
            let fetcher = EndorsementFetcher(
                cache: nil, services: [try WebSourceTests.source([vendor.url])], mode: .online)
            let answers = await withTaskGroup(of: (Bool, Bool).self) { group in
                for checker in checkers {
                    group.addTask {
                        let found = try? await fetcher.obtain(item, at: PublishedVectors.june, checker: checker)
                        return (checker.identity == genuine.identity, found != nil)
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count == 2 && answers.allSatisfy { $0.0 == $0.1 }, "\(answers)")
        }
        await vendor.stop()
    }

    @Test func `those who want the same at once share one fetch`() async throws {
        let folder = try ScratchFolder()
        let (item, der) = try PublishedVectors.milan()
        let vendor = try await FakeVendor.start { _, _ in .found(der) }
        let checker = try EndorsementChecker()
        let fetcher = EndorsementFetcher(
            cache: nil, services: [try WebSourceTests.source([vendor.url])], mode: .online)
        let found = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    (try? await fetcher.obtain(item, at: PublishedVectors.june, checker: checker))?.bytes == der
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(found.count == 20 && found.allSatisfy { $0 })
        #expect(vendor.targets.count == 1)
        await vendor.stop()
        _ = folder
    }

    @Test func `an entry that was tampered with is fetched anew, and is none without a network`() async throws {
        let folder = try ScratchFolder()
        let (item, der) = try PublishedVectors.milan()
        let other = try Vectors.bytes("evidence/snp/real/milan-v2-virtee/vcek.der")
        let checker = try EndorsementChecker()
        let cache = EndorsementCache(folder: folder.path)
        func entry(_ body: [UInt8], key: String, version: Int64 = 1) -> [UInt8] {
            JSONValue.object([
                "version": .integer(version), "item": .string(key), "fetched": .integer(PublishedVectors.june),
                "body": .string(Base64.encode(body)), "issuer_chain": .null,
            ]).canonicalBytes
        }
        let broken: [[UInt8]] = [
            [], Array("{".utf8), entry(other, key: item.key), entry(der, key: "intel-root-crl"),
            entry(der, key: item.key, version: 2), entry(Array(der.dropLast()), key: item.key),
            [UInt8](repeating: 0x20, count: 1 << 20),
        ]
        for bytes in broken {
            let vendor = try await FakeVendor.start { _, _ in .found(der) }
            try Data(bytes).write(to: URL(fileURLWithPath: cache.path(of: item)))
            let offline = try Self.fetcher(folder.path, nil, mode: .offline)
            do {
                _ = try await offline.obtain(item, at: PublishedVectors.june, checker: checker)
                Issue.record("a broken entry was believed: \(bytes.count) bytes")
            } catch { #expect(error.description.contains("is refused"), "\(error)") }
            let found = try await Self.fetcher(folder.path, vendor).obtain(
                item, at: PublishedVectors.june, checker: checker)
            #expect(found.bytes == der && vendor.targets.count == 1)
            #expect(
                try cache.entry(for: item, at: PublishedVectors.june, checker: checker)?.endorsement.bytes == der)
            await vendor.stop()
        }
    }

    @Test func `an entry never serves past its validity, and a revised one no longer than a day unasked`() async throws
    {
        let folder = try ScratchFolder()
        let intel = try PublishedVectors.Intel()
        let answer = try #require(intel.answers[.rootRevocationList])
        let vendor = try await FakeVendor.start { _, count in
            count == 1 ? .absent : .found(answer.bytes)
        }
        let checker = try EndorsementChecker()
        let online = try Self.fetcher(folder.path, vendor, .provisioning)
        let item = EndorsementItem.rootRevocationList
        let first = try await online.obtain(item, at: PublishedVectors.summer, checker: checker)
        _ = try await online.obtain(item, at: PublishedVectors.summer + 3_600, checker: checker)
        #expect(vendor.targets.count == 1)
        // A day later it is asked for again; there is none, so the one that is valid serves.
        _ = try await online.obtain(item, at: PublishedVectors.summer + 90_000, checker: checker)
        #expect(vendor.targets.count == 2)
        _ = try await online.obtain(item, at: PublishedVectors.summer + 90_000, checker: checker)
        #expect(vendor.targets.count == 3)
        let offline = try Self.fetcher(folder.path, nil, mode: .offline)
        _ = try await offline.obtain(item, at: first.until, checker: checker)
        await #expect(throws: EndorsementFailure.self) {
            try await offline.obtain(item, at: first.until + 1, checker: checker)
        }
        await vendor.stop()
    }

    @Test func `a folder in trustee's layout serves what it has, if it is genuine`() async throws {
        let folder = try ScratchFolder()
        let checker = try EndorsementChecker()
        for (item, der) in [try PublishedVectors.milan(), try PublishedVectors.turin()] {
            let names = OfflineStore.names(of: item)
            let path = "\(folder.path)/store/\(names[1])"
            try FileManager.default.createDirectory(
                atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path, withIntermediateDirectories: true)
            try Data(der).write(to: URL(fileURLWithPath: path))
            let source = OfflineStore(folder: "\(folder.path)/store")
            #expect(try await source.obtain(item, at: PublishedVectors.june, checker: checker).bytes == der)
            // The exact name comes first, but a certificate of another chip under it does not.
            let other = try Vectors.bytes("evidence/snp/real/milan-v2-virtee/vcek.der")
            try Data(other).write(to: URL(fileURLWithPath: "\(folder.path)/store/\(names[0])"))
            #expect(try await source.obtain(item, at: PublishedVectors.june, checker: checker).bytes == der)
            let fetcher = try Self.fetcher("\(folder.path)/cache", nil, mode: .offline, store: "\(folder.path)/store")
            #expect(try await fetcher.obtain(item, at: PublishedVectors.june, checker: checker).bytes == der)
        }
        await #expect(throws: EndorsementFailure.self) {
            try await OfflineStore(folder: "\(folder.path)/store").obtain(
                .rootRevocationList, at: PublishedVectors.june, checker: checker)
        }
    }

    @Test func `what a mirror held on to does not replace what the vendor made later`() throws {
        func made(_ time: Int64) -> CheckedEndorsement {
            CheckedEndorsement(
                item: .rootRevocationList, bytes: [UInt8(time)], issuerChain: nil, from: time, until: 100)
        }
        #expect(EndorsementFetcher.latest(made(1), made(2)) == made(2))
        #expect(EndorsementFetcher.latest(made(3), made(2)) == made(3))
        #expect(EndorsementFetcher.latest(made(1), nil) == made(1))
    }

    @Test func `evidence says what it needs`() throws {
        let report = try PublishedVectors.report("milan-v2-trustee")
        let bare = try EndorsementFiles([]).missing(for: SNPEvidence(report: report, certificates: [:]))
        // A report of version 2 does not name its line.
        #expect(bare.count == 1 && bare[0].isEssential)
        #expect(bare[0].candidates.first == (try PublishedVectors.milan().item) && bare[0].candidates.count == 2)
        var files = try EndorsementFiles([])
        let checker = try EndorsementChecker()
        let (item, der) = try PublishedVectors.milan()
        try files.add(
            checker.check(PublishedEndorsement(bytes: der), as: item, at: PublishedVectors.june))
        let rest = files.missing(for: SNPEvidence(report: report, certificates: [:]))
        #expect(rest.map(\.candidates) == [[.amdRevocationList(.milan, forProviders: false)]])
        #expect(rest.first?.isEssential == false)
        let provider = try SNPReport(
            parsing: Vectors.bytes("evidence/snp/real/milan-v3-vlek-trustee/report.bin"))
        let needs = try EndorsementFiles([]).missing(for: SNPEvidence(report: provider, certificates: [:]))
        #expect(needs.count == 1 && needs[0].candidates.isEmpty && needs[0].obstacle != nil)
        let quote = try Quote(parsing: Vectors.bytes("evidence/tdx/real/tdx-v4-phala/quote.dat"))
        let intel = try PublishedVectors.Intel()
        var known = try EndorsementFiles([])
        #expect(Set(known.missing(for: quote).flatMap(\.candidates)) == Set(intel.answers.keys))
        for (item, answer) in intel.answers {
            try known.add(checker.check(answer, as: item, at: PublishedVectors.summer))
        }
        #expect(known.missing(for: quote).isEmpty)
        let collateral = try #require(try known.intel)
        _ = try CheckedCollateral(collateral, for: .tdx, anchors: .hardwareOnly)
    }

    @Test func `Intel's answers saved as files are put together, whatever the order`() throws {
        let intel = try PublishedVectors.Intel()
        var files: [(name: String, bytes: [UInt8])] = []
        for (item, answer) in intel.answers {
            files.append((name: item.key, bytes: answer.bytes))
            if let chain = answer.issuerChain { files.append((name: "\(item.key).pem", bytes: chain)) }
        }
        for shift in files.indices {
            let turned = Array(files[shift...] + files[..<shift])
            let collateral = try #require(try EndorsementFiles(turned).intel)
            _ = try CheckedCollateral(collateral, for: .tdx, anchors: .hardwareOnly)
        }
        let bare = files.filter { !$0.name.hasSuffix(".pem") }
        let refusal = #expect(throws: WireError.self) { try EndorsementFiles(bare).intel }
        #expect(refusal?.reason.contains("Issuer-Chain") == true)
    }
}
