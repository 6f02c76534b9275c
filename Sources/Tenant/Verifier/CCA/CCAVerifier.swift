import Evidence
import WireFormat

/// A platform that somebody trustworthy vouches for: its attestation key by implementation and instance.
public struct CCAEndorsement: Sendable {
    /// The implementation (32 bytes).
    public let implementationID: [UInt8]
    /// The instance (33 bytes).
    public let instanceID: [UInt8]
    /// The platform's attestation key (CPAK).
    public let key: COSEKey

    /// Names a platform.
    public init(implementationID: [UInt8], instanceID: [UInt8], key: COSEKey) {
        self.implementationID = implementationID
        self.instanceID = instanceID
        self.key = key
    }

    /// Reads a list in the form of trustee's and Veraison's stores: `{pkey: JWK, "implementation-id": hex, "instance-id": hex}`.
    public static func list(json: JSONValue) throws(WireError) -> [CCAEndorsement] {
        guard let elements = json.arrayValue, elements.count <= 4096 else {
            throw WireError(field: "endorsements", reason: "must be a list of at most 4096")
        }
        var endorsements: [CCAEndorsement] = []
        for (index, element) in elements.enumerated() {
            var fields = try JSONFields(element, path: "endorsements[\(index)]")
            var key = try fields.fields("pkey")
            guard try key.string("kty") == "EC" else { throw key.refusal("kty", "is not EC") }
            let x = try Base64.decodeURL(try key.string("x"), field: key.path("x"))
            let y = try Base64.decodeURL(try key.string("y"), field: key.path("y"))
            guard x.count == y.count else { throw key.refusal("y", "is not as long as x") }
            endorsements.append(
                CCAEndorsement(
                    implementationID: try Hex.decode(
                        try fields.string("implementation-id"), field: fields.path("implementation-id")),
                    instanceID: try Hex.decode(try fields.string("instance-id"), field: fields.path("instance-id")),
                    key: try COSEKey(point: [4] + x + y)))
        }
        return endorsements
    }
}

/// A realm on a platform that was vouched for; only ``CCAVerifier`` makes it.
public struct VerifiedCCAToken: Sendable {
    /// What the platform says.
    public let platform: CCAPlatformClaims
    /// What the realm says.
    public let realm: CCARealmClaims
    let record: VerificationRecord

    /// What was looked at.
    public var fields: [FieldVerdict] { record.fields }
}

/// Follows the chain of a CCA token: endorsed platform key, platform token, realm key, realm token, challenge.
public struct CCAVerifier: Sendable {
    private let endorsements: [CCAEndorsement]

    /// Creates a verifier that trusts these platforms.
    public init(endorsements: [CCAEndorsement]) { self.endorsements = endorsements }

    /// Checks a token.
    ///
    /// - Parameters:
    ///   - token: The token.
    ///   - challenge: What the realm's token must be made for (64 bytes).
    public func verify(_ token: CCAToken, challenge: [UInt8]) throws(EvidenceRefusal) -> VerifiedCCAToken {
        var record = VerificationRecord()
        let platform = token.platform
        let realm = token.realm
        let endorsement = endorsements.first {
            $0.implementationID == platform.implementationID && $0.instanceID == platform.instanceID
        }
        guard let endorsement else {
            throw record.refusal(
                .root, "platform", Hex.encode(platform.instanceID), "nobody vouches for this platform's key")
        }
        record.pass("platform", Hex.encode(platform.instanceID), "its attestation key is endorsed")
        try record.require(
            endorsement.key.isValid(token.platformMessage), .signature, "platform token", "COSE_Sign1",
            passed: "signed by the endorsed key", failed: "the platform's token is not signed by the endorsed key")
        try record.require(
            platform.isSecured, .ccaLifecycle, "lifecycle", String(platform.lifecycle, radix: 16),
            passed: "is secured", failed: "the platform is not in the secured state of its life cycle")
        guard let hash = TPMHash(name: realm.publicKeyHashAlgorithm), hash != .sha1 else {
            throw record.refusal(
                .ccaBinding, "realm key", realm.publicKeyHashAlgorithm, "the hash of the realm's key is not known")
        }
        try record.require(
            hash.digest(realm.publicKey) == platform.challenge, .ccaBinding, "realm key",
            Hex.encode(platform.challenge), passed: "the platform's token is over it",
            failed: "the platform's token is over another realm's key")
        let key = try record.parsed { () throws(WireError) in try COSEKey(point: try realm.publicPoint()) }
        try record.require(
            key.isValid(token.realmMessage), .ccaRealmSignature, "realm token", "COSE_Sign1",
            passed: "signed by the realm's key", failed: "the realm's token is not signed by the realm's key")
        try record.require(
            realm.challenge == challenge, .reportData, "challenge", Hex.encode(realm.challenge),
            passed: "is what was expected", failed: "the token was made for another challenge")
        return VerifiedCCAToken(platform: platform, realm: realm, record: record)
    }
}
