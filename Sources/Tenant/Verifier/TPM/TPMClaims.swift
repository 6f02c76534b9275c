import Evidence
import WireFormat

/// The claims of a TPM's quote under the names that the key broker protocol's policies know (class `tpm`).
enum TPMClaims {
    static func claims(of verified: VerifiedTPMQuote) -> [String: JSONValue] {
        var claims = registers(verified)
        claims["ak_public"] = .string(Base64.encode(verified.signed.key.publicKeyInfo))
        claims.merge(binding(verified)) { first, _ in first }
        return claims
    }

    /// The quoted registers of the SHA-256 bank as `pcr00` to `pcr23`; others have no name there.
    static func registers(_ verified: VerifiedTPMQuote) -> [String: JSONValue] {
        var claims: [String: JSONValue] = [:]
        for (register, value) in verified.registers.values[.sha256] ?? [:] where register < 24 {
            claims[register < 10 ? "pcr0\(register)" : "pcr\(register)"] = .string(Hex.encode(value))
        }
        return claims
    }

    /// The nonce, and register 8, which init-data is measured into.
    static func binding(_ verified: VerifiedTPMQuote) -> [String: JSONValue] {
        var claims: [String: JSONValue] = [
            "report_data": .string(Hex.encode(verified.signed.attestation.extraData))
        ]
        if let register = verified.registers[.sha256, 8] { claims["init_data"] = .string(Hex.encode(register)) }
        return claims
    }
}

extension VerifiedTPMQuote {
    /// What register 8 of the SHA-256 bank holds after the digest of init-data was measured into it alone (32 bytes).
    public static func initDataRegister(digest: [UInt8]) throws(WireError) -> [UInt8] {
        guard digest.count == TPMHash.sha256.length else {
            throw WireError(field: "init-data", reason: "must be a digest of \(TPMHash.sha256.length) bytes")
        }
        return TPMHash.sha256.extended([UInt8](repeating: 0, count: TPMHash.sha256.length), with: digest)
    }

    /// Checks that exactly this init-data was measured into register 8.
    public func requireInitData(digest: [UInt8]) throws(EvidenceRefusal) {
        var record = self.record
        let expected = try record.parsed { () throws(WireError) in try Self.initDataRegister(digest: digest) }
        let register = registers[.sha256, 8] ?? []
        try record.require(
            register == expected, .hostData, "PCR 8", Hex.encode(register), passed: "holds the init-data",
            failed: "the machine was started with other init-data")
    }
}
