import Evidence
import TestSupport
import WireFormat

@testable import EndorsementSources
@testable import Verifier

/// What the vendors published, out of the vectors, with the items that it answers.
enum PublishedVectors {
    /// 2025-07-04T10:16:31Z, within the dates of Intel's data.
    static let summer: Int64 = 1_751_624_191
    /// 2026-06-01T00:00:00Z.
    static let june: Int64 = 1_780_272_000

    static func report(_ name: String) throws -> SNPReport {
        try SNPReport(parsing: Vectors.bytes("evidence/snp/real/\(name)/report.bin"))
    }

    /// A chip of the Milan line, and its certificate.
    static func milan() throws -> (item: EndorsementItem, der: [UInt8]) {
        let report = try report("milan-v2-trustee")
        return (
            .chipKey(.milan, chip: report.chipID, firmware: report.reportedTCB.components(.genoa)),
            try Vectors.bytes("evidence/snp/real/milan-v2-trustee/vcek.der")
        )
    }

    static func turin() throws -> (item: EndorsementItem, der: [UInt8]) {
        let report = try report("turin-v5-oak")
        return (
            .chipKey(.turin, chip: Array(report.chipID.prefix(8)), firmware: report.reportedTCB.components(.turin)),
            try Vectors.bytes("evidence/snp/real/turin-v5-oak/vcek.der")
        )
    }

    /// What Intel's service answered for one platform: bodies and issuers by item.
    struct Intel {
        let fmspc: [UInt8]
        let answers: [EndorsementItem: PublishedEndorsement]

        init(_ tee: QuoteHeader.TEE = .tdx, _ file: String = "tdx/collateral/phala-tdx.json") throws {
            let collateral = try IntelCollateral(json: try JSONValue.parse(Vectors.bytes("evidence/\(file)")))
            func body(_ document: IntelCollateral.SignedDocument?, _ member: String) throws -> PublishedEndorsement {
                let document = try Self.present(document, member)
                let text =
                    Array("{\"\(member)\":".utf8) + document.content
                    + Array(",\"signature\":\"\(Hex.encode(document.signature))\"}".utf8)
                return PublishedEndorsement(bytes: text, issuerChain: document.issuerChain)
            }
            let info = try Self.present(collateral.tcbInfo, "TCB info")
            let fmspc = try TCBInfo(parsing: info.content).fmspc
            self.fmspc = fmspc
            let chain = try PEMBlocks(try Self.present(collateral.pckRevocationListChain, "chain"), "chain")
            let authority = try P256Certificate(der: chain.der(0), "authority").commonName
            let kind = EndorsementItem.PlatformAuthority.allCases.first { $0.commonName == authority }
            answers = [
                .tcbInfo(tee, fmspc: fmspc): try body(collateral.tcbInfo, "tcbInfo"),
                .enclaveIdentity(tee): try body(collateral.qeIdentity, "enclaveIdentity"),
                .platformRevocationList(kind ?? .processor): PublishedEndorsement(
                    bytes: try Self.present(collateral.pckRevocationList, "list"),
                    issuerChain: collateral.pckRevocationListChain),
                .rootRevocationList: PublishedEndorsement(
                    bytes: try Self.present(collateral.rootRevocationList, "root list")),
            ]
        }

        private static func present<Part>(_ part: Part?, _ name: String) throws -> Part {
            guard let part else { throw WireError(field: name, reason: "is not in the vectors") }
            return part
        }
    }

    /// PEM as it stands in Intel's headers.
    static func percentEncoded(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: String(UnicodeScalar(byte))
            default: "%" + Hex.encode([byte]).uppercased()
            }
        }.joined()
    }
}

extension PublishedVectors {
    /// A checker whose Genoa root is the one of the synthetic vectors: nobody has copies of AMD's own lists.
    static func syntheticChecker() throws -> EndorsementChecker { try checker(believing: .genoa) }

    /// A checker whose root of one line is the synthetic one.
    static func checker(believing line: ProductLine) throws -> EndorsementChecker {
        let genuine = try EndorsementChecker()
        func read(_ name: String) throws -> EndorsementCertificate {
            try EndorsementCertificate(der: Vectors.bytes("evidence/snp/synthetic/genoa/\(name).der"), name)
        }
        let genoa = EndorsementChecker.Authorities(
            root: try read("ark"), chips: try read("ask"), providers: try read("asvk"))
        return EndorsementChecker(
            authorities: genuine.authorities.merging([line: genoa]) { $1 }, intelRoot: genuine.intelRoot,
            anchors: genuine.anchors)
    }
}
