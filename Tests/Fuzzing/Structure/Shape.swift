/// How bytes are cut into pieces. Only as exact as mutation needs: what does not fit its shape stays bytes.
package indirect enum Shape {
    /// No structure.
    case raw
    /// Told by the content: JSON, PEM, DER, CBOR or nothing.
    case any
    case json
    case der
    case cbor
    case toml
    /// Parts between dots in base64url, as of tokens.
    case token
    /// Fields one after another; what follows them stays bytes.
    case fields([Field])
    /// A shape that depends on the bytes.
    case chosen(@Sendable ([UInt8]) -> Shape)

    package func dissect(_ bytes: [UInt8]) -> Node {
        switch self {
        case .raw: .bytes(bytes)
        case .any: Self.guess(bytes)
        case .json: JSONDissection.dissect(bytes)
        case .der: DERDissection.dissect(bytes) ?? .bytes(bytes)
        case .cbor: CBORDissection.dissect(bytes) ?? .bytes(bytes)
        case .toml: TOMLDissection.dissect(bytes)
        case .token: TokenDissection.dissect(bytes)
        case .fields(let fields): FieldDissection.dissect(bytes, fields)
        case .chosen(let choose): choose(bytes).dissect(bytes)
        }
    }

    private static func guess(_ bytes: [UInt8]) -> Node {
        switch bytes.first(where: { $0 > 0x20 }) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): JSONDissection.dissect(bytes)
        case UInt8(ascii: "-"): PEMDissection.dissect(bytes)
        case 0x30: DERDissection.dissect(bytes) ?? .bytes(bytes)
        default: TokenDissection.isToken(bytes) ? TokenDissection.dissect(bytes) : .bytes(bytes)
        }
    }
}

/// One field of a binary structure.
package indirect enum Field: Sendable {
    /// A number of so many bytes.
    case number(Int, bigEndian: Bool = false)
    /// Bytes of a fixed length.
    case bytes(Int)
    /// A length of so many bytes, which counts `more` bytes beside its part, and the part.
    case sized(Int, bigEndian: Bool = false, more: Int = 0, Shape = .raw)
    /// A count of so many bytes and as many groups of fields.
    case counted(Int, bigEndian: Bool = false, [Field])
    /// Groups of fields up to the end.
    case many([Field])
    /// The TCG's number of a hash and a digest of its length.
    case digest(bigEndian: Bool = false)
    /// So many bytes of a shape.
    case part(Int, Shape)
    /// Numbers of so many bytes up to the end.
    case numbers(Int)
    /// All that is left.
    case rest(Shape)
}

extension Shape: Sendable {}
