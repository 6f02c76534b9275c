import Evidence
import WireFormat

extension VerifiedEvidence {
    /// The claims under the names that attestation policies know.
    public var claims: JSONValue { .object(SNPClaims.claims(of: self)) }
    /// All that was looked at, in order.
    public var fields: [FieldVerdict] { record.fields }
}

extension VerifiedTPMQuote {
    /// The claims under the names that attestation policies know.
    public var claims: JSONValue { .object(TPMClaims.claims(of: self)) }
}

extension VerifiedAzureSNP {
    /// The claims under the names that attestation policies know.
    public var claims: JSONValue { .object(AzureClaims.claims(of: self)) }
}

extension VerifiedAzureTDX {
    /// The claims under the names that attestation policies know.
    public var claims: JSONValue { .object(AzureClaims.claims(of: self)) }
}

extension VerifiedTDXQuote {
    /// The claims under the names that attestation policies know.
    public var claims: JSONValue { .object(TDXClaims.claims(of: self)) }
}

extension VerifiedSGXQuote {
    /// The claims under the names that attestation policies know.
    public var claims: JSONValue { .object(SGXClaims.claims(of: self)) }
}
