import Crypto
import CryptoExtras
import Rego

/// A public key with its algorithm.
struct SubjectPublicKey {
    let raw: [UInt8]
    /// Go's number of the algorithm: RSA 1, DSA 2, ECDSA 3, Ed25519 4.
    let algorithm: Int
    let value: Value
    let material: VerificationKey.Material

    init(der: [UInt8]) throws(Malformed) { try self.init(DERNode(der)) }

    init(_ node: DERNode) throws(Malformed) {
        raw = node.encoded
        let parts = try node.sequence()
        guard parts.count == 2, let type = try parts[0].sequence().first else { throw Malformed() }
        let parameters = try parts[0].sequence().dropFirst().first
        let key = try parts[1].bits().bytes
        switch try type.identifier() {
        case [1, 2, 840, 113549, 1, 1, 1]:
            let numbers = try DERNode(key).sequence()
            guard numbers.count == 2 else { throw Malformed() }
            var fields = Fields()
            fields.add("N", .number(Number(unsigned: try numbers[0].integer())))
            fields.add("E", .number(Number(unsigned: try numbers[1].integer())))
            (algorithm, value) = (1, fields.value)
            let rsa = try? _RSA.Signing.PublicKey(unsafeDERRepresentation: raw)
            material = rsa.map { .rsa($0) } ?? .other
        case [1, 2, 840, 10045, 2, 1]:
            let curve = try EllipticCurve(parameters)
            guard key.first == 4, key.count == 1 + 2 * curve.width else { throw Malformed() }
            guard let point = curve.publicKey(Array(key)) else { throw Malformed() }
            (algorithm, value, material) = (3, curve.value(point: key).value, point)
        case [1, 3, 101, 112]:
            guard let ed25519 = try? Curve25519.Signing.PublicKey(rawRepresentation: key) else { throw Malformed() }
            (algorithm, value, material) = (4, Bytes.base64(key), .ed25519(ed25519))
        default: (algorithm, value, material) = (0, .null, .other)
        }
    }
}

/// A named curve.
enum EllipticCurve {
    case p256, p384, p521

    init(_ parameters: DERNode?) throws(Malformed) {
        guard let parameters else { throw Malformed() }
        switch try parameters.identifier() {
        case [1, 2, 840, 10045, 3, 1, 7]: self = .p256
        case [1, 3, 132, 0, 34]: self = .p384
        case [1, 3, 132, 0, 35]: self = .p521
        default: throw Malformed()
        }
    }

    /// Bytes of a coordinate.
    var width: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }

    var name: String {
        switch self {
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        }
    }

    func publicKey(_ point: [UInt8]) -> VerificationKey.Material? {
        switch self {
        case .p256: (try? P256.Signing.PublicKey(x963Representation: point)).map { .p256($0) }
        case .p384: (try? P384.Signing.PublicKey(x963Representation: point)).map { .p384($0) }
        case .p521: (try? P521.Signing.PublicKey(x963Representation: point)).map { .p521($0) }
        }
    }

    /// A point, uncompressed, as Go shows a key.
    func value(point: [UInt8]) -> Fields {
        var fields = Fields()
        fields.add("Curve", .object(ObjectValue([])))
        fields.add("X", .number(Number(unsigned: point.dropFirst().prefix(width))))
        fields.add("Y", .number(Number(unsigned: point.dropFirst(1 + width))))
        return fields
    }
}
