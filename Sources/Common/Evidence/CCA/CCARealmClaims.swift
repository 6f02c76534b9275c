import WireFormat

/// What a realm says of itself in its token.
public struct CCARealmClaims: Equatable, Sendable {
    /// The caller's bytes (64).
    public var challenge: [UInt8]
    /// What the realm was personalised with (64 bytes).
    public var personalizationValue: [UInt8]
    /// What the realm was launched with.
    public var initialMeasurement: [UInt8]
    /// What it measured since: four registers.
    public var extensibleMeasurements: [[UInt8]]
    /// The hash of the measurements, e.g. `sha-256`.
    public var hashAlgorithm: String
    /// The realm's key as it stands: a P-384 point, or a COSE key.
    public var publicKey: [UInt8]
    /// The hash that binds the key to the platform's token.
    public var publicKeyHashAlgorithm: String
    /// The profile; older tokens have none.
    public var profile: String?

    private static let measurementLengths: Set<Int> = [32, 48, 64]
    private static let measurementCount = 4

    /// Parses the token's payload; members that are not known are left alone.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        let reader = try CCAClaimReader(bytes, "realm")
        challenge = try reader.bytes(10, "challenge", [64])
        personalizationValue = try reader.bytes(44235, "personalization value", [64])
        initialMeasurement = try reader.bytes(44238, "initial measurement", Self.measurementLengths)
        guard let list = try reader.member(44239, "extensible measurements").list,
            list.count == Self.measurementCount
        else { throw WireError(field: "realm.extensible measurements", reason: "must be four") }
        extensibleMeasurements = []
        for value in list {
            extensibleMeasurements.append(
                try CCAClaimReader.bytes(value, "realm.extensible measurements", Self.measurementLengths))
        }
        hashAlgorithm = try reader.text(44236, "hash algorithm")
        publicKey = try reader.bytes(44237, "public key", [])
        publicKeyHashAlgorithm = try reader.text(44240, "public key hash algorithm")
        profile = reader.value[265]?.textString
    }

    /// The realm's key as an uncompressed point: 04, x, y.
    public func publicPoint() throws(WireError) -> [UInt8] {
        if publicKey.first == 4 { return publicKey }
        let key = try CBORValue(parsing: publicKey, "realm.public key")
        guard key[1]?.integer == 2, let x = key[-2]?.byteString, let y = key[-3]?.byteString, x.count == y.count else {
            throw WireError(field: "realm.public key", reason: "is neither a point nor a COSE key on a curve")
        }
        return [4] + x + y
    }
}
