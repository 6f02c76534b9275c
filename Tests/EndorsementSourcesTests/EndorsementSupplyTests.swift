import Evidence
import FakeVendor
import TestSupport
import Testing
import WireFormat

@testable import EndorsementSources
@testable import Verifier

/// What services do for evidence that does not bring what vendors publish.
@Suite("Endorsements for services", .enabled(if: Vectors.available))
struct EndorsementSupplyTests {
    private static func supply(
        _ vendor: FakeVendor?, _ mode: EndorsementFetcher.Mode = .online, cache: ScratchFolder? = nil,
        limit: Duration = .seconds(20), ration: FetchRation = FetchRation(), now: Int64
    ) throws -> EndorsementSupply {
        var places = EndorsementPlaces()
        // Nothing listens on the last port.
        let url = vendor?.url ?? "http://127.0.0.1:1"
        (places.kds, places.pcs, places.cache) = ([url], [url], cache?.path)
        return try EndorsementSupply(places, mode, limit: limit, ration: ration, clock: { now })
    }

    private static func quote() throws -> Submission {
        let bytes = try Vectors.bytes("evidence/tdx/real/tdx-v4-phala/quote.dat")
        return Submission(tee: "tdx", evidence: ["quote": .string(Base64.encode(bytes))])
    }

    private static func report(_ runtimeData: Submission.RuntimeData = .none) throws -> Submission {
        let report = try PublishedVectors.report("milan-v2-trustee")
        return Submission(
            tee: "snp", evidence: SNPEvidence(report: report, certificates: [:]).json, runtimeData: runtimeData)
    }

    private static func verify(
        _ submission: Submission, _ supply: EndorsementSupply, now: Int64
    ) async throws -> VerifiedSubmission {
        var settings = VerificationSettings(clock: { now })
        settings.allowDebugging()
        return try await supply.verifying(
            submission.endorsed, isBound: submission.isStatedlyBound, with: EndorsementFiles()
        ) { files in
            settings.endorsements = files
            return try SubmissionVerifier(settings).verify(submission)
        }
    }

    private static func intel(without missing: EndorsementItem? = nil) async throws -> FakeVendor {
        let intel = try PublishedVectors.Intel()
        return try await FakeVendor.start { target, _ in
            for (item, answer) in intel.answers
            where item != missing && PublishingService.provisioning.path(of: item) == target {
                let chain = answer.issuerChain.map { PublishedVectors.percentEncoded($0) }
                let headers = PublishingService.provisioning.issuerHeaders(of: item).prefix(1)
                return .found(answer.bytes, headers.map { ($0, chain ?? "") })
            }
            return .absent
        }
    }

    @Test func `a quote gets its status, then from the cache alone`() async throws {
        let (folder, vendor, now) = (try ScratchFolder(), try await Self.intel(), PublishedVectors.summer)
        let first = try Self.supply(vendor, cache: folder, now: now)
        #expect(try await Self.verify(try Self.quote(), first, now: now).tcbStatus == "UpToDate")
        #expect(vendor.targets.count == 4)
        _ = try await Self.verify(try Self.quote(), first, now: now)
        #expect(vendor.targets.count == 4)
        await vendor.stop()
        let second = try Self.supply(nil, .offline, cache: folder, now: now)
        #expect(try await Self.verify(try Self.quote(), second, now: now).tcbStatus == "UpToDate")
        // Offline with nothing kept there is no status, which is the policy's to judge.
        let third = try Self.supply(nil, .offline, now: now)
        #expect(try await Self.verify(try Self.quote(), third, now: now).tcbStatus == nil)
    }

    @Test func `whoever keeps something back gets a refusal that names it`() async throws {
        let now = PublishedVectors.summer
        let vendor = try await Self.intel(without: .rootRevocationList)
        do {
            _ = try await Self.verify(try Self.quote(), try Self.supply(vendor, now: now), now: now)
            Issue.record("accepted")
        } catch let shortage as EndorsementShortage {
            #expect(shortage.reason.contains("Intel's root"), "\(shortage)")
        }
        await vendor.stop()
    }

    @Test func `forged evidence and reports for others make nobody ask`() async throws {
        let vendor = try await FakeVendor.start { _, _ in .absent }
        let now = PublishedVectors.summer
        var bytes = try Vectors.bytes("evidence/tdx/real/tdx-v4-phala/quote.dat")
        bytes[200] ^= 1
        let forged = Submission(tee: "tdx", evidence: ["quote": .string(Base64.encode(bytes))])
        let supply = try Self.supply(vendor, now: now)
        for submission in [forged, try Self.report(.raw([1])), try Self.report(.structured(["nonce": "x"]))] {
            await #expect(throws: EvidenceRefusal.self) { try await Self.verify(submission, supply, now: now) }
        }
        // Stand-ins, TPMs and realms have no vendor; what cannot be read has none either.
        for tee in ["soft-snp", "soft-tdx", "soft-sgx", "tpm", "cca", "snp", "tdx", "az-snp-vtpm", "unknown"] {
            let submission = Submission(tee: tee, evidence: ["quote": "AAAA"])
            await #expect(throws: EvidenceRefusal.self) { try await Self.verify(submission, supply, now: now) }
        }
        #expect(vendor.targets.isEmpty)
        await vendor.stop()
    }

    @Test func `a vendor that never finishes delays no longer than the limit`() async throws {
        let vendor = try await FakeVendor.start { _, _ in .drip }
        let now = PublishedVectors.summer
        let supply = try Self.supply(vendor, limit: .milliseconds(300), now: now)
        do {
            _ = try await Self.verify(try Self.quote(), supply, now: now)
            Issue.record("accepted")
        } catch let shortage as EndorsementShortage {
            // The limit of the whole and that of each fetch end at the same time.
            #expect(shortage.reason.contains("answer within"), "\(shortage)")
        }
        await vendor.stop()
    }

    @Test func `keys' certificates are rationed, those that are kept are not`() async throws {
        let (folder, now) = (try ScratchFolder(), PublishedVectors.june)
        let (item, der) = try PublishedVectors.milan()
        let target = try #require(PublishingService.keyDistribution.path(of: item))
        let vendor = try await FakeVendor.start { asked, _ in asked == target ? .found(der) : .absent }
        let ration = FetchRation(burst: 1, refill: .seconds(3600))
        let supply = try Self.supply(vendor, cache: folder, ration: ration, now: now)
        // Two chips that are not ours: one is asked for, the other is one too many.
        for (byte, isAsked) in [(UInt8(1), true), (2, false)] {
            var report = try PublishedVectors.report("milan-v2-trustee")
            report.chipID[0] ^= byte
            let stranger = Submission(tee: "snp", evidence: SNPEvidence(report: report, certificates: [:]).json)
            let count = vendor.targets.count
            await #expect(throws: EndorsementShortage.self) { try await Self.verify(stranger, supply, now: now) }
            #expect((vendor.targets.count > count) == isAsked)
        }
        let kept = try EndorsementChecker().check(PublishedEndorsement(bytes: der), as: item, at: now)
        try EndorsementCache(folder: folder.path).store(kept, fetched: now)
        // What AMD revoked is asked for nevertheless, and is not had.
        do {
            _ = try await Self.verify(try Self.report(), supply, now: now)
            Issue.record("accepted")
        } catch let shortage as EndorsementShortage {
            #expect(shortage.reason.contains("list of revoked certificates for Milan"), "\(shortage)")
        }
        await vendor.stop()
        let offline = try Self.supply(nil, .offline, cache: folder, now: now)
        _ = try await Self.verify(try Self.report(), offline, now: now)
    }

    @Test func `a ration fills up again and bounds what is under way`() {
        var ration = FetchRation(concurrency: 2, burst: 2, refill: .seconds(4))
        let start = ContinuousClock.now
        // Rationed or not, when, and whether another fetch ended before.
        let steps: [(isRationed: Bool, second: Int, isOneEnded: Bool, isAllowed: Bool)] = [
            (true, 0, false, true), (true, 0, false, true), (false, 0, false, false), (true, 0, true, false),
            (false, 0, false, true), (true, 3, true, false), (true, 4, false, true), (true, 4, true, false),
        ]
        for step in steps {
            if step.isOneEnded { ration.end() }
            let isAllowed = ration.begin(isRationed: step.isRationed, now: start + .seconds(step.second))
            #expect(isAllowed == step.isAllowed, "\(step)")
        }
    }
}
