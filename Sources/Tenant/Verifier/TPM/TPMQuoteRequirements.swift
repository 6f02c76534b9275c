import Evidence

/// What is demanded of a TPM quote beside its signature, its nonce and its digest.
public struct TPMQuoteRequirements: Sendable {
    /// The hashes that signatures may use.
    public var signatureHashes: Set<TPMHash>
    /// The banks that a quote may select from.
    public var banks: Set<TPMHash>
    /// Registers that the quote must cover, in at least one allowed bank.
    public var registers: Set<Int>

    /// States what is demanded.
    public init(signatureHashes: Set<TPMHash>, banks: Set<TPMHash>, registers: Set<Int>) {
        self.signatureHashes = signatureHashes
        self.banks = banks
        self.registers = registers
    }

    /// SHA-2 everywhere, and the registers of firmware, boot loader, kernel and init-data (0 to 9).
    public static let strict = TPMQuoteRequirements(
        signatureHashes: [.sha256, .sha384, .sha512], banks: [.sha256, .sha384, .sha512], registers: Set(0...9))

    /// Whatever a TPM may quote, as long as the signature does not rest on SHA-1.
    public static let anySelection = TPMQuoteRequirements(
        signatureHashes: [.sha256, .sha384, .sha512], banks: Set(TPMHash.allCases), registers: [])
}
