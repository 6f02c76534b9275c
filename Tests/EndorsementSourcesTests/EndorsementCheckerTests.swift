import Evidence
import TestSupport
import Testing
import WireFormat

@testable import EndorsementSources
@testable import Verifier

@Suite("What sources give is checked", .enabled(if: Vectors.available))
struct EndorsementCheckerTests {
    private static func refused(
        _ bytes: [UInt8], _ chain: [UInt8]? = nil, as item: EndorsementItem, at now: Int64,
        checker: EndorsementChecker? = nil
    ) throws -> EvidenceCheck? {
        let checker = try checker ?? EndorsementChecker()
        do throws(EvidenceRefusal) {
            _ = try checker.check(PublishedEndorsement(bytes: bytes, issuerChain: chain), as: item, at: now)
            return nil
        } catch { return error.check }
    }

    @Test func `a chip's certificate must be of that chip, firmware and line, and of AMD`() throws {
        let (item, der) = try PublishedVectors.milan()
        guard case .chipKey(_, let chip, let firmware) = item else { return }
        let june = PublishedVectors.june
        #expect(try Self.refused(der, as: item, at: june) == nil)
        #expect(try Self.refused(PublishedVectors.turin().der, as: PublishedVectors.turin().item, at: june) == nil)
        var other = chip
        other[0] ^= 1
        #expect(try Self.refused(der, as: .chipKey(.milan, chip: other, firmware: firmware), at: june) == .chipID)
        var newer = firmware
        newer.microcode += 1
        #expect(try Self.refused(der, as: .chipKey(.milan, chip: chip, firmware: newer), at: june) == .tcb)
        #expect(try Self.refused(der, as: .chipKey(.genoa, chip: chip, firmware: firmware), at: june) == .chain)
        #expect(try Self.refused(der, as: item, at: 2_000_000_000) == .validity)
        #expect(try Self.refused(der, as: item, at: 1_600_000_000) == .validity)
        var changed = der
        changed[der.count - 1] ^= 1
        #expect(try Self.refused(changed, as: item, at: june) == .chain)
        for junk in [
            [], Array("<html>busy</html>".utf8), Array(der.dropLast()), [UInt8](repeating: 0x30, count: 70_000),
        ] {
            #expect(try Self.refused(junk, as: item, at: june) == .collateral)
        }
    }

    @Test func `AMD's lists are its root's and current`() throws {
        let checker = try PublishedVectors.syntheticChecker()
        let item = EndorsementItem.amdRevocationList(.genoa, forProviders: false)
        func check(_ name: String) throws -> EvidenceCheck? {
            try Self.refused(
                Vectors.bytes("evidence/snp/synthetic/genoa/\(name).crl.der"), as: item, at: PublishedVectors.june,
                checker: checker)
        }
        #expect(try check("crl-empty") == nil)
        #expect(try check("crl-ask-revoked") == nil)
        #expect(try check("crl-wrong-signer") == .revocation)
        #expect(try check("crl-expired") == .revocation)
        // The list of a root that is not AMD's.
        let list = try Vectors.bytes("evidence/snp/synthetic/genoa/crl-empty.crl.der")
        #expect(try Self.refused(list, as: item, at: PublishedVectors.june) == .revocation)
    }

    @Test func `AMD's authorities are those of the line's root`() throws {
        func pem(_ names: String...) throws -> [UInt8] {
            try names.flatMap { name in
                let der = try Vectors.bytes("evidence/anchors/amd/\(name).der")
                return Array("-----BEGIN CERTIFICATE-----\n\(Base64.encode(der))\n-----END CERTIFICATE-----\n".utf8)
            }
        }
        let chips = EndorsementItem.authorities(.genoa, forProviders: false)
        let june = PublishedVectors.june
        #expect(try Self.refused(pem("genoa/ask", "genoa/ark"), as: chips, at: june) == nil)
        #expect(
            try Self.refused(
                pem("genoa/asvk", "genoa/ark"), as: .authorities(.genoa, forProviders: true), at: june) == nil)
        #expect(try Self.refused(pem("genoa/asvk", "genoa/ark"), as: chips, at: june) == .chain)
        #expect(try Self.refused(pem("milan/ask", "milan/ark"), as: chips, at: june) == .root)
        #expect(try Self.refused(pem("genoa/ark", "genoa/ask"), as: chips, at: june) == .root)
        #expect(try Self.refused(pem("genoa/ask"), as: chips, at: june) == .collateral)
    }

    @Test func `Intel's data must be about the platform, signed and current`() throws {
        let intel = try PublishedVectors.Intel()
        let summer = PublishedVectors.summer
        for (item, answer) in intel.answers {
            #expect(try Self.refused(answer.bytes, answer.issuerChain, as: item, at: summer) == nil, "\(item)")
            #expect(try Self.refused(answer.bytes, answer.issuerChain, as: item, at: 4_000_000_000) != nil, "\(item)")
            var changed = answer.bytes
            changed[answer.bytes.count / 2] ^= 1
            #expect(try Self.refused(changed, answer.issuerChain, as: item, at: summer) != nil, "\(item)")
        }
        let info = EndorsementItem.tcbInfo(.tdx, fmspc: intel.fmspc)
        let answer = try #require(intel.answers[info])
        var other = intel.fmspc
        other[0] ^= 1
        let chain = answer.issuerChain
        #expect(
            try Self.refused(answer.bytes, chain, as: .tcbInfo(.tdx, fmspc: other), at: summer) == .collateralTarget)
        #expect(
            try Self.refused(answer.bytes, chain, as: .tcbInfo(.sgx, fmspc: intel.fmspc), at: summer)
                == .collateralTarget)
        #expect(try Self.refused(answer.bytes, nil, as: info, at: summer) == .collateral)
        let later = try #require(try TCBInfoDates.next(answer.bytes))
        #expect(try Self.refused(answer.bytes, chain, as: info, at: later + 1) == .collateralDate)
        let identity = try #require(intel.answers[.enclaveIdentity(.tdx)])
        #expect(
            try Self.refused(identity.bytes, identity.issuerChain, as: .enclaveIdentity(.sgx), at: summer)
                == .collateralTarget)
    }

    @Test func `lists of platforms are those of the authority that was asked about`() throws {
        let intel = try PublishedVectors.Intel()
        let (item, answer) = try #require(
            intel.answers.first { if case .platformRevocationList = $0.key { true } else { false } })
        let other: EndorsementItem =
            .platformRevocationList(item == .platformRevocationList(.platform) ? .processor : .platform)
        let summer = PublishedVectors.summer
        #expect(try Self.refused(answer.bytes, answer.issuerChain, as: other, at: summer) == .revocation)
        #expect(try Self.refused(answer.bytes, answer.issuerChain, as: .rootRevocationList, at: summer) == .revocation)
        // Caches of Intel's data serve lists in hex.
        let hex = Array(Hex.encode(answer.bytes).utf8)
        #expect(try Self.refused(hex, answer.issuerChain, as: item, at: summer) == nil)
        // A root with Intel's name and another key.
        let synthetic = try Vectors.bytes("evidence/dcap-synthetic/tdx4/_valid.collateral.json")
        let stranger = try IntelCollateral(json: try JSONValue.parse(synthetic))
        #expect(
            try Self.refused(
                stranger.pckRevocationList ?? [], stranger.pckRevocationListChain, as: item, at: summer) == .root)
    }
}

/// The dates of a TCB info, read without any check.
enum TCBInfoDates {
    static func next(_ response: [UInt8]) throws -> Int64? {
        try JSONValue.parse(response)["tcbInfo"]?["nextUpdate"]?.stringValue.flatMap { CalendarTime(text: $0)?.seconds }
    }
}
