import Evidence
import WireFormat

/// What is not trusted though its vendor vouches for it: a product line with a hole that no update closes, a root whose key
/// leaked, a chip that somebody took apart.
public struct Distrust: Equatable, Sendable {
    /// AMD's product lines.
    public var productLines: Set<ProductLine>
    /// Intel's families of platforms by FMSPC (6 bytes).
    public var platformFamilies: Set<[UInt8]>
    /// SHA-256 of roots: of the certificate, or of its public key (SubjectPublicKeyInfo).
    public var roots: Set<[UInt8]>
    /// Identities of AMD's chips and of Intel's platforms (PPID, 16 bytes), without the zeros that reports put behind them.
    public private(set) var chips: Set<[UInt8]>

    /// Everything that its vendor vouches for is trusted.
    public static let nothing = Distrust()

    private init() { (productLines, platformFamilies, roots, chips) = ([], [], [], []) }

    /// Reads `line=milan`, `line=00806f050000` (an FMSPC), `root=<SHA-256>` and `chip=<identity>`, the last three in hex.
    public init(_ entries: [String]) throws(WireError) {
        self.init()
        for entry in entries {
            func refusal(_ reason: String) -> WireError {
                WireError(field: "distrust \(entry.prefix(24))", reason: reason)
            }
            guard let mark = entry.firstIndex(of: "=") else { throw refusal("is not line=…, root=… or chip=…") }
            let value = String(entry[entry.index(after: mark)...])
            func bytes() throws(WireError) -> [UInt8] { try Hex.decode(value, field: "distrust \(entry[..<mark])") }
            switch entry[..<mark] {
            case "line":
                if let line = ProductLine.allCases.first(where: { $0.rawValue.lowercased() == value.lowercased() }) {
                    productLines.insert(line)
                } else if let family = try? bytes(), family.count == 6 {
                    platformFamilies.insert(family)
                } else {
                    let known = ProductLine.allCases.map { $0.rawValue.lowercased() }.joined(separator: ", ")
                    throw refusal("is neither \(known) nor an FMSPC of 12 hex digits")
                }
            case "root":
                let fingerprint = try bytes()
                guard fingerprint.count == 32 else { throw refusal("must be a SHA-256 of 64 hex digits") }
                roots.insert(fingerprint)
            case "chip":
                let chip = try bytes()
                guard [8, 16, 64].contains(chip.count), chip.contains(where: { $0 != 0 }) else {
                    throw refusal("must be a chip's identity of 8 or 64 bytes, or a PPID of 16")
                }
                distrust(chip: chip)
            default: throw refusal("is not line=…, root=… or chip=…")
            }
        }
    }

    /// Adds a chip's or a platform's identity.
    public mutating func distrust(chip: [UInt8]) { chips.insert(Self.trimmed(chip)) }

    /// Refuses evidence of SEV-SNP that rests on something distrusted; answers what was looked at.
    public func check(_ verified: VerifiedEvidence) throws(EvidenceRefusal) -> [FieldVerdict] {
        var record = VerificationRecord()
        try check(verified, &record)
        return record.fields
    }

    /// Refuses a quote of Intel's that rests on something distrusted; answers what was looked at.
    public func check(_ endorsement: QuoteEndorsement) throws(EvidenceRefusal) -> [FieldVerdict] {
        var record = VerificationRecord()
        try check(endorsement, &record)
        return record.fields
    }

    func check(_ verified: VerifiedEvidence, _ record: inout VerificationRecord) throws(EvidenceRefusal) {
        try check(roots: [verified.rootFingerprint, verified.rootKeyFingerprint], &record)
        if !productLines.isEmpty {
            let line = verified.productLine
            try record.require(
                !productLines.contains(line), .distrustedLine, "product line", line.rawValue,
                passed: "is not distrusted", failed: "processors of \(line.rawValue) are distrusted")
        }
        try check(chip: verified.report.chipID, &record)
    }

    func check(_ endorsement: QuoteEndorsement, _ record: inout VerificationRecord) throws(EvidenceRefusal) {
        try check(roots: [endorsement.rootFingerprint, endorsement.rootKeyFingerprint], &record)
        if !platformFamilies.isEmpty {
            let family = endorsement.platform.fmspc
            try record.require(
                !platformFamilies.contains(family), .distrustedLine, "product line", Hex.encode(family),
                passed: "is not distrusted", failed: "platforms of FMSPC \(Hex.encode(family)) are distrusted")
        }
        try check(chip: endorsement.platform.ppid, &record)
    }

    func check(roots found: [[UInt8]], _ record: inout VerificationRecord) throws(EvidenceRefusal) {
        guard !roots.isEmpty else { return }
        try record.require(
            roots.isDisjoint(with: found), .distrustedRoot, "root", found.first.map { Hex.encode($0) } ?? "none",
            passed: "is not distrusted", failed: "the root is distrusted")
    }

    /// A host that could hide which chip it has would get around the list: then nothing is known of the chip.
    private func check(chip: [UInt8], _ record: inout VerificationRecord) throws(EvidenceRefusal) {
        guard !chips.isEmpty else { return }
        let name = Self.trimmed(chip)
        try record.require(
            !name.isEmpty && !chips.contains(name), .distrustedChip, "chip", Hex.encode(chip),
            passed: "is not distrusted",
            failed: name.isEmpty
                ? "the report names no chip, so that it may be one of those distrusted" : "the chip is distrusted")
    }

    /// Turin's identities have eight bytes and stand before zeros in reports.
    private static func trimmed(_ chip: [UInt8]) -> [UInt8] {
        let count = chip.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
        return Array(chip.prefix(count))
    }
}
