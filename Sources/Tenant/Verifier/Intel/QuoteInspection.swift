import Evidence
import WireFormat

/// What a quote says, with nothing of it verified: for people to look at, never for a decision.
public struct QuoteInspection: Sendable {
    /// The quote.
    public let quote: Quote
    /// What the platform's certificate says, which may be anybody's; nil when the quote brings none that can be read.
    public let platform: EndorsedPlatform?

    /// Takes a quote apart.
    public init(_ quote: Quote) {
        self.quote = quote
        let certification = quote.signature.certification
        guard certification.type == CertificationData.chain,
            let blocks = try? PEMBlocks(certification.bytes, "PCK chain"), !blocks.bodies.isEmpty,
            let leaf = try? P256Certificate(der: blocks.der(0), "PCK certificate")
        else {
            platform = nil
            return
        }
        platform = try? EndorsedPlatform(leaf, "PCK certificate")
    }
}
