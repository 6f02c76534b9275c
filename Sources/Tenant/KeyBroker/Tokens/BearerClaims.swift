import WireFormat

/// What a checked token says of its bearer: what policies decide on.
public struct BearerClaims: Sendable {
    /// All claims of the token, as its issuer signed them.
    public let claims: JSONValue
    /// The key to which resources are encrypted.
    public let encryptionKey: JSONValue
    /// The guest, when this broker itself appraised its evidence; nil for tokens of other services.
    public let guest: AttestedGuest?
    /// Who issued the token (`iss`).
    public let issuer: String
}

/// Where a token names the key of the TEE: JSON pointers, the first that leads anywhere counts.
struct KeyPlaces: Sendable, Equatable {
    /// The places that services of the field are known to use.
    static let known = [
        "/tdx/attester_runtime_data/tee-pubkey", "/tdx/attester_user_data/tee-pubkey",
        "/customized_claims/runtime_data/tee-pubkey",
        "/submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey", "/tee-pubkey",
    ]

    private let pointers: [JSONPointer]

    /// Looks at `more` first.
    init(_ more: [String] = []) throws(WireError) {
        var pointers: [JSONPointer] = []
        for text in more + Self.known { pointers.append(try JSONPointer(parsing: text, field: "teeKeyPaths")) }
        self.pointers = pointers
    }

    /// The key's JWK; nil when the claims name none.
    func key(in claims: JSONValue) -> JSONValue? {
        for pointer in pointers {
            if let value = pointer.value(in: claims), value != .null { return value }
        }
        return nil
    }
}
