import Evidence
import WireFormat

/// The claims of machines on Azure under the names that the key broker protocol's policies know (classes `az-snp-vtpm` and
/// `az-tdx-vtpm`).
enum AzureClaims {
    /// Those of SNP, each as a text, with the vTPM's beside them.
    static func claims(of verified: VerifiedAzureSNP) -> [String: JSONValue] {
        var claims = SNPClaims.claims(of: verified.hardware).mapValues(text)
        claims["measurement"] = .string(Base64.encode(verified.hardware.report.measurement.bytes))
        return merged(claims, verified.quote)
    }

    /// Those of TDX with the vTPM's beside them.
    static func claims(of verified: VerifiedAzureTDX) -> [String: JSONValue] {
        merged(TDXClaims.claims(of: verified.hardware), verified.quote)
    }

    /// The hardware's report data are the paravisor's, so the quote's nonce takes their name.
    private static func merged(_ claims: [String: JSONValue], _ quote: VerifiedTPMQuote) -> [String: JSONValue] {
        var claims = claims
        claims["tpm"] = .object(TPMClaims.registers(quote))
        claims["init_data"] = nil
        claims.merge(TPMClaims.binding(quote)) { _, own in own }
        return claims
    }

    private static func text(_ value: JSONValue) -> JSONValue {
        value.stringValue.map { .string($0) } ?? .string(value.canonicalText)
    }
}
