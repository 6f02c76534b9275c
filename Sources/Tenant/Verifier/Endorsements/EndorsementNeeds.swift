import Evidence
import WireFormat

/// Something that evidence needs and that is not at hand.
public struct EndorsementNeed: Equatable, Sendable {
    /// What would do, the likeliest first; empty when nobody gives it out.
    public let candidates: [EndorsementItem]
    /// Whether evidence cannot be verified without it.
    public let isEssential: Bool
    /// Why nobody gives it out; nil when somebody does.
    public let obstacle: String?

    init(_ candidates: [EndorsementItem], isEssential: Bool, obstacle: String? = nil) {
        self.candidates = candidates
        self.isEssential = isEssential
        self.obstacle = obstacle
    }
}

extension EndorsementFiles {
    /// What a report of SEV-SNP needs beside these files and the certificates that came with it. What depends on a
    /// certificate that is missing itself is told once that certificate is there.
    public func missing(for evidence: SNPEvidence) -> [EndorsementNeed] {
        let report = evidence.report
        let isProvider = report.signingKey == .vlek
        let certificates = evidence.certificates.merging(amd) { $1 }
        guard let leaf = certificates[isProvider ? .vlek : .vcek] else {
            return report.signingKey == .none ? [] : [Self.missingKey(report)]
        }
        // A list that came with the evidence is the host's choice: an older one that is still valid, say.
        guard let line = try? ProductLine.ofKey(leaf),
            !amdRevocationLists.contains(where: { Self.isList($0, of: line) })
        else { return [] }
        return [EndorsementNeed([.amdRevocationList(line, forProviders: isProvider)], isEssential: false)]
    }

    /// Whether a list says that it is of a product line; the list of another one revokes nothing of this one.
    private static func isList(_ der: [UInt8], of line: ProductLine) -> Bool {
        guard let list = try? RevocationList(der: der) else { return false }
        return String(decoding: list.issuer, as: UTF8.self).contains("ARK-\(line.rawValue)")
    }

    private static func missingKey(_ report: SNPReport) -> EndorsementNeed {
        if report.signingKey == .vlek {
            return EndorsementNeed(
                [], isEssential: true,
                obstacle:
                    "a provider's key signed (VLEK): its certificate comes with the evidence, AMD gives it to nobody else"
            )
        }
        guard report.chipID.contains(where: { $0 != 0 }) else {
            return EndorsementNeed(
                [], isEssential: true,
                obstacle: "the report does not name its chip, so there is no address of its key's certificate")
        }
        // Reports before version 3 do not name the product; Turin's chips have short names.
        let isShort = report.chipID.dropFirst(ProductLine.turin.chipIDLength).allSatisfy { $0 == 0 }
        let lines = report.productLine.map { [$0] } ?? (isShort ? [.turin] : [.milan, .genoa])
        return EndorsementNeed(
            lines.map {
                .chipKey(
                    $0, chip: Array(report.chipID.prefix($0.chipIDLength)),
                    firmware: report.reportedTCB.components($0.layout))
            }, isEssential: true)
    }

    /// What a quote needs beside these files to know Intel's status of its platform; nothing when the quote does not name
    /// its platform.
    public func missing(for quote: Quote) -> [EndorsementNeed] {
        guard let platform = QuoteInspection(quote).platform, let authority = Self.authority(of: quote) else {
            return []
        }
        let tee = quote.header.tee
        var items: [EndorsementItem] = []
        if !hasDocument("tcbInfo") { items.append(.tcbInfo(tee, fmspc: platform.fmspc)) }
        if !hasDocument("enclaveIdentity") { items.append(.enclaveIdentity(tee)) }
        if !hasPlatformList { items.append(.platformRevocationList(authority)) }
        if !hasRootList { items.append(.rootRevocationList) }
        return items.map { EndorsementNeed([$0], isEssential: false) }
    }

    private static func authority(of quote: Quote) -> EndorsementItem.PlatformAuthority? {
        guard let blocks = try? PEMBlocks(quote.signature.certification.bytes, "PCK chain"), blocks.bodies.count > 1,
            let certificate = try? P256Certificate(der: blocks.der(1), "PCK authority")
        else { return nil }
        return EndorsementItem.PlatformAuthority.allCases.first { $0.commonName == certificate.commonName }
    }
}
