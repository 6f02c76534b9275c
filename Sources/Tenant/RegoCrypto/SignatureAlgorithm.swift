import Crypto
import CryptoExtras

/// An algorithm as the header of a token names it.
enum SignatureAlgorithm: String {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// The digest that is signed.
    func digest(_ bytes: [UInt8]) -> any Digest {
        switch self {
        case .hs256, .rs256, .ps256, .es256: SHA256.hash(data: bytes)
        case .hs384, .rs384, .ps384, .es384: SHA384.hash(data: bytes)
        case .hs512, .rs512, .ps512, .es512, .edDSA: SHA512.hash(data: bytes)
        }
    }

    /// The code of a shared secret; nil for algorithms of key pairs.
    func authenticationCode(_ bytes: [UInt8], _ secret: [UInt8]) -> [UInt8]? {
        let key = SymmetricKey(data: secret)
        return switch self {
        case .hs256: Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
        case .hs384: Array(HMAC<SHA384>.authenticationCode(for: bytes, using: key))
        case .hs512: Array(HMAC<SHA512>.authenticationCode(for: bytes, using: key))
        default: nil
        }
    }

    /// The padding of RSA signatures; nil for other algorithms.
    var padding: _RSA.Signing.Padding? {
        switch self {
        case .rs256, .rs384, .rs512: .insecurePKCS1v1_5
        case .ps256, .ps384, .ps512: .PSS
        default: nil
        }
    }

    /// Whether signatures are over an elliptic curve, with a digest.
    var isECDSA: Bool { self == .es256 || self == .es384 || self == .es512 }
}
