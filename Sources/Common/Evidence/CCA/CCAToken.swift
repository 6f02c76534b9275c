import WireFormat

/// The attestation token of an Arm CCA realm (RMM specification, CCA attestation token): a platform's and a realm's token, each
/// signed, neither trusted yet.
public struct CCAToken: Equatable, Sendable {
    /// The signed token of the platform.
    public var platformMessage: COSESign1
    /// The signed token of the realm.
    public var realmMessage: COSESign1
    /// What the platform says.
    public let platform: CCAPlatformClaims
    /// What the realm says.
    public let realm: CCARealmClaims

    private static let tag: UInt64 = 399
    private static let platformKey: Int64 = 44234
    private static let realmKey: Int64 = 44241

    /// Parses a token.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard case .tagged(Self.tag, let collection) = try CBORValue(parsing: bytes, "CCA token"),
            case .map(let pairs) = collection, pairs.count == 2,
            pairs.first?.key == .unsigned(UInt64(Self.platformKey)),
            let platform = collection[Self.platformKey]?.byteString, let realm = collection[Self.realmKey]?.byteString
        else { throw WireError(field: "CCA token", reason: "is not a collection of a platform's and a realm's token") }
        platformMessage = try COSESign1(parsing: platform, "platform token")
        realmMessage = try COSESign1(parsing: realm, "realm token")
        self.platform = try CCAPlatformClaims(parsing: platformMessage.payload)
        self.realm = try CCARealmClaims(parsing: realmMessage.payload)
    }

    /// The token as bytes.
    public var bytes: [UInt8] {
        CBORValue.tagged(
            Self.tag,
            .map([
                .init(.unsigned(UInt64(Self.platformKey)), .bytes(platformMessage.bytes)),
                .init(.unsigned(UInt64(Self.realmKey)), .bytes(realmMessage.bytes)),
            ])
        ).bytes
    }
}

/// Reading of a token's members.
struct CCAClaimReader {
    let value: CBORValue
    let field: String

    init(_ bytes: [UInt8], _ field: String) throws(WireError) {
        value = try CBORValue(parsing: bytes, field)
        self.field = field
        guard case .map = value else { throw WireError(field: field, reason: "is not a map") }
    }

    func member(_ key: Int64, _ name: String) throws(WireError) -> CBORValue {
        guard let member = value[key] else { throw WireError(field: "\(field).\(name)", reason: "is missing") }
        return member
    }

    func bytes(_ key: Int64, _ name: String, _ lengths: Set<Int>) throws(WireError) -> [UInt8] {
        try Self.bytes(try member(key, name), "\(field).\(name)", lengths)
    }

    static func bytes(_ value: CBORValue, _ field: String, _ lengths: Set<Int>) throws(WireError) -> [UInt8] {
        guard let bytes = value.byteString, lengths.isEmpty || lengths.contains(bytes.count) else {
            throw WireError(field: field, reason: "is not a byte string of a known length")
        }
        return bytes
    }

    func text(_ key: Int64, _ name: String) throws(WireError) -> String {
        guard let text = try member(key, name).textString else {
            throw WireError(field: "\(field).\(name)", reason: "is not a text")
        }
        return text
    }
}
