import Crypto
import Evidence
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Intel's published data", .enabled(if: Vectors.available))
struct IntelCollateralTests {
    private static let trustee = "trustee/deps/verifier/test_data"

    @Test func `a response of the service gives the signed document byte for byte`() throws {
        let known = try #require(
            try IntelCase.named("tdx.tdx-v4-gnr-trustee").collateral())
        for (file, member, document) in [
            ("tcbInfo.json", "tcbInfo", known.tcbInfo), ("enclaveIdentity.json", "enclaveIdentity", known.qeIdentity),
        ] {
            let document = try #require(document)
            let response = try Vectors.bytes("\(Self.trustee)/\(file)")
            let read = try IntelCollateral.SignedDocument(
                response: response, member: member, issuerChain: document.issuerChain)
            #expect(read == document)
            for length in 0..<response.count - 2 where length % 7 == 0 || length > response.count - 200 {
                #expect(throws: WireError.self) {
                    try IntelCollateral.SignedDocument(
                        response: Array(response.prefix(length)), member: member, issuerChain: [])
                }
            }
        }
    }

    @Test func `a part that is missing or malformed refuses, and never traps`() throws {
        let known = try IntelCase.named("tdx.syn.tdx5.valid")
        let good = try #require(try known.collateral())
        let anchors = try known.anchors()
        func refusal(_ change: (inout IntelCollateral) -> Void) -> EvidenceCheck? {
            var collateral = good
            change(&collateral)
            return #expect(throws: EvidenceRefusal.self) {
                try CheckedCollateral(collateral, for: .softTDX, anchors: anchors)
            }?.check
        }
        #expect(throws: Never.self) { try CheckedCollateral(good, for: .softTDX, anchors: anchors) }
        #expect(refusal { $0.tcbInfo = nil } == .collateral)
        #expect(refusal { $0.qeIdentity = nil } == .collateral)
        #expect(refusal { $0.pckRevocationList = nil } == .collateral)
        #expect(refusal { $0.rootRevocationList = nil } == .collateral)
        #expect(refusal { $0.tcbInfo?.issuerChain = [] } == .collateral)
        #expect(refusal { $0.tcbInfo?.signature = [] } == .collateralSignature)
        #expect(refusal { $0.tcbInfo?.content.append(0x20) } == .collateralSignature)
        #expect(refusal { $0.qeIdentity?.content.append(0x20) } == .collateralSignature)
        #expect(refusal { $0.rootRevocationList = $0.pckRevocationList } == .revocation)
        #expect(refusal { $0.pckRevocationList = $0.rootRevocationList } == .revocation)
        for (list, set) in [
            (good.rootRevocationList, { $0.rootRevocationList = $1 }),
            (good.pckRevocationList, { $0.pckRevocationList = $1 }),
        ] as [([UInt8]?, (inout IntelCollateral, [UInt8]) -> Void)] {
            let list = try #require(list)
            for length in stride(from: 0, to: list.count, by: 3) {
                #expect(refusal { set(&$0, Array(list.prefix(length))) } == .collateral)
            }
            for offset in 0..<list.count {
                var changed = list
                changed[offset] ^= 0x04
                #expect(refusal { set(&$0, changed) } != nil, "\(offset)")
            }
        }
    }

    @Test func `documents that lack a member or have a wrong one are refused`() throws {
        let collateral = try #require(try IntelCase.named("tdx.syn.tdx5.valid").collateral())
        func check<Document>(
            _ content: [UInt8]?, _ read: (([UInt8]) throws -> Document), optional: Set<String>
        ) throws {
            let content = try #require(content)
            let members = try #require(try JSONValue.parse(content).objectValue)
            #expect(throws: Never.self) { try read(content) }
            for name in members.keys where !optional.contains(name) {
                var changed = members
                changed[name] = nil
                #expect(throws: WireError.self, "\(name)") { try read(JSONValue.object(changed).canonicalBytes) }
                for wrong: JSONValue in [.null, [], "x", -1, 1.5, [:], true, 99_999_999_999] {
                    changed[name] = wrong
                    #expect(throws: WireError.self, "\(name) \(wrong)") {
                        // An empty list of levels is no error: nobody reaches it.
                        if name == "tcbLevels", wrong == [] { throw WireError(field: "", reason: "") }
                        _ = try read(JSONValue.object(changed).canonicalBytes)
                    }
                }
            }
        }
        try check(
            collateral.tcbInfo?.content, { try TCBInfo(parsing: $0) }, optional: ["tdxModuleIdentities"])
        try check(collateral.qeIdentity?.content, { try EnclaveIdentity(parsing: $0) }, optional: [])
    }

    /// The platform and the trust domain of a vector, judged by published data that is changed.
    private func verdict(
        _ id: String, _ change: (inout [String: JSONValue]) throws -> Void
    ) throws -> TCBVerdict {
        let known = try IntelCase.named(id)
        let quote = try Quote(parsing: known.bytes("evidence"))
        let collateral = try #require(try known.collateral())
        let content = try #require(collateral.tcbInfo).content
        var info = try #require(try JSONValue.parse(content).objectValue)
        try change(&info)
        return TCBVerdict(
            of: quote.body, qeReport: quote.signature.qeReport,
            platform: try #require(QuoteInspection(quote).platform),
            info: try TCBInfo(parsing: JSONValue.object(info).canonicalBytes),
            identity: try EnclaveIdentity(parsing: #require(collateral.qeIdentity).content))
    }

    @Test func `a relaunch is advised only where the module that runs now is the newest and listed`() throws {
        let id = "tdx.syn.tdx5.td15-relaunch"
        #expect(try verdict(id) { _ in }.status == .relaunchAdvised)
        let quote = try Quote(parsing: IntelCase.named(id).bytes("evidence"))
        guard case .domain(let report) = quote.body, let now = report.tcbSVN2 else {
            Issue.record("not TD 1.5")
            return
        }
        func identities(_ change: (inout [JSONValue]) -> Void) throws -> TCBVerdict {
            try verdict(id) { info in
                var list = try #require(info["tdxModuleIdentities"]?.arrayValue)
                change(&list)
                info["tdxModuleIdentities"] = .array(list)
            }
        }
        let running = "TDX_" + Hex.encode([now[1]])
        #expect(now[1] == report.tcbSVN[1])
        let newer = try identities { list in
            list = list.map { element in
                guard var members = element.objectValue, members["id"]?.stringValue == running,
                    let levels = members["tcbLevels"]?.arrayValue
                else { return element }
                let newest: JSONValue = [
                    "tcb": ["isvsvn": .integer(Int64(now[0]) + 1)], "tcbDate": "2026-01-01T00:00:00Z",
                    "tcbStatus": "UpToDate",
                ]
                members["tcbLevels"] = .array([newest] + levels)
                return .object(members)
            }
        }
        #expect(newer.status == .outOfDate)
        #expect(newer.isRunningModuleListed)
    }

    @Test func `levels are taken in their order, and none reached is not supported`() throws {
        let id = "tdx.syn.tdx5.valid"
        #expect(try verdict(id) { _ in }.status == .upToDate)
        let reversed = try verdict(id) {
            $0["tcbLevels"] = .array(try #require($0["tcbLevels"]?.arrayValue).reversed())
        }
        #expect(reversed.status == .outOfDate && reversed.advisories == ["INTEL-SA-00002"])
        let none = try verdict(id) { $0["tcbLevels"] = [] }
        #expect(none.status == .notSupported && none.platformStatus == .notSupported && none.tcbDate == nil)
    }

    @Test func `statuses converge as Intel's rules have it`() {
        let all = TCBStatus.ofLevels
        #expect(all.allSatisfy { $0.converged(with: .upToDate) == $0 })
        #expect(all.allSatisfy { $0.converged(with: .revoked) == .revoked })
        #expect(all.allSatisfy { $0.converged(with: .notSupported) == .notSupported })
        #expect(TCBStatus.upToDate.converged(with: .outOfDate) == .outOfDate)
        #expect(TCBStatus.swHardeningNeeded.converged(with: .outOfDate) == .outOfDate)
        #expect(TCBStatus.configurationNeeded.converged(with: .outOfDate) == .outOfDateConfigurationNeeded)
        #expect(
            TCBStatus.configurationAndSWHardeningNeeded.converged(with: .outOfDate) == .outOfDateConfigurationNeeded)
        #expect(TCBStatus.revoked.converged(with: .outOfDate) == .revoked)
    }

    @Test func `the extension of a platform is refused when a member is missing, twice or out of range`() throws {
        let quote = try Quote(parsing: IntelCase.named("tdx.tdx-v4-phala").bytes("evidence"))
        let blocks = try PEMBlocks(quote.signature.certification.bytes, "chain")
        let leaf = try P256Certificate(der: blocks.der(0), "leaf")
        let value = try #require(leaf.extensions[EndorsedPlatform.extensionName])
        func platform(_ value: [UInt8]) throws -> EndorsedPlatform {
            var recipe = CertificateRecipe()
            recipe.extensions = [TestDER.extension(EndorsedPlatform.extensionName, value)]
            return try EndorsedPlatform(P256Certificate(der: recipe.der(), "test"), "test")
        }
        #expect(try platform(value) == EndorsedPlatform(leaf, "leaf"))
        #expect(throws: WireError.self) { try platform([0x30, 0x00]) }
        var list = DERReader(value, "test")
        var reader = try list.element(DERReader.Tag.sequence)
        var members: [[UInt8]] = []
        while !reader.isAtEnd { members.append(try reader.whole(DERReader.Tag.sequence).encoded) }
        #expect(members.count == 7)
        for index in members.indices {
            var changed = members
            let member = changed.remove(at: index)
            // The instance and the configuration are of platforms of several packages only.
            if index < 5 {
                #expect(throws: WireError.self) { try platform(TestDER.element(0x30, changed.flatMap { $0 })) }
            } else {
                #expect(throws: Never.self) { try platform(TestDER.element(0x30, changed.flatMap { $0 })) }
            }
            #expect(throws: WireError.self) {
                try platform(TestDER.element(0x30, (members + [member]).flatMap { $0 }))
            }
        }
        for offset in 0..<value.count {
            var changed = value
            changed[offset] ^= 0x80
            if let read = try? platform(changed) { #expect(try read != EndorsedPlatform(leaf, "leaf"), "\(offset)") }
        }
    }
}
