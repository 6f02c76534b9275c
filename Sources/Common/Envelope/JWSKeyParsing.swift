import Crypto
import CryptoExtras
import WireFormat

extension JWS.Key {
    /// Reads the public key of a signer. The algorithm is the key's, whatever a signature's header says.
    ///
    /// An RSA key without `alg` signs RS256. Keys for other uses, private keys and odd numbers are refused by the name of
    /// the member.
    public init(jwk: JSONValue, path: String = "jwk") throws(WireError) {
        var fields = try JSONFields(jwk, path: path)
        for member in ["d", "k", "p"] where jwk[member] != nil {
            throw fields.refusal(member, "a public key must not hold private parts")
        }
        if let use = try fields.optionalString("use"), use != "sig" {
            throw fields.refusal("use", "must be sig")
        }
        if let operations = fields.optionalValue("key_ops"), operations.arrayValue?.contains("verify") != true {
            throw fields.refusal("key_ops", "must hold verify")
        }
        let algorithm = try fields.optionalString("alg")
        func number(_ name: String) throws(WireError) -> [UInt8] {
            try Base64.decodeURL(try fields.string(name), field: fields.path(name))
        }
        switch try fields.string("kty") {
        case "EC":
            let curve = try fields.string("crv")
            let (x, y) = (try number("x"), try number("y"))
            switch curve {
            case "P-256":
                guard x.count == 32, let key = try? P256.Signing.PublicKey(rawRepresentation: x + y) else {
                    throw fields.refusal("x", "is with y no point of P-256")
                }
                self = .es256(key)
            case "P-384":
                guard x.count == 48, let key = try? P384.Signing.PublicKey(rawRepresentation: x + y) else {
                    throw fields.refusal("x", "is with y no point of P-384")
                }
                self = .es384(key)
            default: throw fields.refusal("crv", "must be P-256 or P-384")
            }
        case "OKP":
            guard try fields.string("crv") == "Ed25519" else { throw fields.refusal("crv", "must be Ed25519") }
            guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: try number("x")) else {
                throw fields.refusal("x", "is no key of Ed25519")
            }
            self = .edDSA(key)
        case "RSA":
            let (modulus, exponent) = (try number("n"), try number("e"))
            try JSONWebKey.checkRSA(modulus, exponent, fields)
            guard let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent) else {
                throw fields.refusal("n", "is no RSA key")
            }
            self = algorithm == "PS256" ? .ps256(key) : .rs256(key)
        default: throw fields.refusal("kty", "must be EC, OKP or RSA")
        }
        guard algorithm == nil || algorithm == self.algorithm else {
            throw fields.refusal("alg", "must be \(self.algorithm) for this key")
        }
    }

    /// The key as X.509 writes it (SubjectPublicKeyInfo, DER).
    public var publicKeyInfo: [UInt8] {
        switch self {
        case .es256(let key): Array(key.derRepresentation)
        case .es384(let key): Array(key.derRepresentation)
        case .edDSA(let key):
            [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00] + Array(key.rawRepresentation)
        case .rs256(let key), .ps256(let key): Array(key.derRepresentation)
        }
    }
}
