import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

/// What no vector says: quotes and published data with valid signatures that are wrong in one thing.
@Suite("Intel evidence of a stand-in", .enabled(if: Vectors.available))
struct IntelStandInTests {
    @Test func `a stand-in is accepted under its own root only`() throws {
        let platform = try IntelStandIn()
        let verified = try platform.verify(platform.quote(), platform.collateral())
        #expect(verified.simulated && verified.endorsement.tcb?.status == .upToDate)
        #expect(verified.endorsement.listNumbers?.pck == 0)
        let other = try IntelStandIn()
        let refusal = #expect(throws: EvidenceRefusal.self) { try other.verify(platform.quote(), other.collateral()) }
        #expect(refusal?.check == .root)
    }

    @Test func `a revoked platform is found by its serial`() throws {
        let platform = try IntelStandIn()
        #expect(throws: Never.self) {
            try platform.verify(platform.quote(), platform.collateral(revoked: [[0x0B], [0x00, 0x8A]]))
        }
        let refusal = #expect(throws: EvidenceRefusal.self) {
            try platform.verify(platform.quote(), platform.collateral(revoked: [[0x0B], [0x0A]]))
        }
        #expect(refusal?.check == .revocation)
    }

    @Test func `defaults refuse what the host could abuse`() throws {
        let platform = try IntelStandIn()
        func refusal(_ change: (inout [UInt8]) -> Void) throws -> EvidenceCheck? {
            let verified = try platform.verify(platform.quote(change), platform.collateral())
            return #expect(throws: EvidenceRefusal.self) { try QuoteRequirements.strict.check(verified) }?.check
        }
        let good = try platform.verify(platform.quote(), platform.collateral())
        #expect(try QuoteRequirements.strict.check(good).allSatisfy { $0.verdict != .failed })
        #expect(try refusal { $0[120] |= 0x01 } == .debug)
        #expect(try refusal { $0[123] &= 0xEF } == .septVEDisable)
        #expect(try refusal { $0[647] = 1 } == .serviceTD)
        #expect(try refusal { $0[123] |= 0x20 } == .migratable)
        for (change, check) in [
            ({ $0[120] |= 0x01 }, .debug), ({ $0[123] &= 0xEF }, .septVEDisable), ({ $0[600] = 1 }, .serviceTD),
            ({ $0[123] |= 0x20 }, .migratable),
        ] as [((inout [UInt8]) -> Void, EvidenceCheck)] {
            let verified = try platform.verify(platform.quote(change), platform.collateral())
            #expect(throws: Never.self) {
                try VerificationRecord.$switchedOff.withValue([check]) { try QuoteRequirements.strict.check(verified) }
            }
        }
    }

    @Test func `demanded values are compared byte for byte`() throws {
        let platform = try IntelStandIn()
        let verified = try platform.verify(platform.quote(), nil)
        var requirements = QuoteRequirements.strict
        requirements.status = .ignored(because: "a test")
        let report = verified.report
        let values: [(QuoteRequirements.Field, [UInt8], EvidenceCheck)] = [
            (.mrTD, report.mrTD, .measurement), (.rtmr2, report.rtmr[2], .measurement),
            (.mrConfigID, report.mrConfigID, .hostData), (.reportData, report.reportData, .reportData),
            (.tdAttributes, report.attributes.bytes, .measurement),
        ]
        for (field, value, check) in values {
            requirements.expected = [field: value]
            #expect(throws: Never.self) { try requirements.check(verified) }
            var other = value
            other[other.count - 1] ^= 1
            for wrong in [other, Array(value.dropLast()), value + [0], []] {
                requirements.expected = [field: wrong]
                let refusal = #expect(throws: EvidenceRefusal.self) { try requirements.check(verified) }
                #expect(refusal?.check == check)
            }
        }
        requirements.expected = [.mrEnclave: [UInt8](repeating: 0, count: 32)]
        #expect(throws: EvidenceRefusal.self) { try requirements.check(verified) }
    }

    /// A trust domain that was launched with module 1.4, which is out of date, and runs on the module `now` since.
    private func relaunch(
        _ now: [UInt8], info: (inout [String: JSONValue]) throws -> Void = { _ in }
    ) throws -> TCBStatus? {
        let platform = try IntelStandIn()
        let quote = try platform.quote {
            ($0[0], $0[1]) = (4, 1)
            $0.replaceSubrange(584..<587, with: now)
        }
        return try platform.verify(quote, platform.collateral(info: info)).endorsement.tcb?.status
    }

    @Test func `a relaunch is advised by the versions of the module that runs now`() throws {
        #expect(try relaunch([5, 1, 2]) == .relaunchAdvised)
        #expect(try relaunch([4, 1, 2]) == .outOfDate)
        #expect(try relaunch([5, 1, 1]) == .outOfDate)
        #expect(try relaunch([3, 3, 2]) == .relaunchAdvised)
        #expect(try relaunch([2, 3, 2]) == .outOfDate)
        // Major version 0 is compared with the newest level's own components.
        #expect(try relaunch([5, 0, 2]) == .relaunchAdvised)
        #expect(try relaunch([4, 0, 2]) == .outOfDate)
    }

    @Test func `a running module that is not published refuses`() throws {
        let refusal = #expect(throws: EvidenceRefusal.self) { try relaunch([9, 9, 9]) }
        #expect(refusal?.check == .tdxModule)
        let status = try VerificationRecord.$switchedOff.withValue([.tdxModule]) { try relaunch([9, 9, 9]) }
        #expect(status == .outOfDate)
    }

    @Test func `published data of an unknown kind is refused although it is signed`() throws {
        let platform = try IntelStandIn()
        for (name, value) in [
            ("version", 4), ("tcbType", 1), ("id", "XYZ"), ("issueDate", "2026-03-01"), ("fmspc", "A1B2C3"),
        ] as [(String, JSONValue)] {
            let refusal = #expect(throws: EvidenceRefusal.self) {
                try platform.verify(platform.quote(), platform.collateral(info: { $0[name] = value }))
            }
            #expect(refusal?.check == .collateral, "\(name)")
        }
    }
}
