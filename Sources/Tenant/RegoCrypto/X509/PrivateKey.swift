import Crypto
import CryptoExtras
import Rego

/// A private key in one of the usual wrappings.
struct PrivateKey {
    /// As Go prints it.
    let value: Value
    /// As a JSON Web Key.
    let webKey: Value
    /// The public key, to compare with a certificate's.
    let publicValue: Value

    /// A key in armour of a kind; nil when the kind is none of a private key.
    init?(_ block: PEM) throws(Malformed) {
        switch block.type {
        case "RSA PRIVATE KEY": try self.init(rsa: block.bytes)
        case "EC PRIVATE KEY": try self.init(ec: block.bytes, nil)
        case "PRIVATE KEY":
            let parts = try DERNode(block.bytes).sequence()
            guard parts.count >= 3 else { throw Malformed() }
            let algorithm = try parts[1].sequence()
            let key = try parts[2].octets()
            switch try algorithm.first?.identifier() {
            case [1, 2, 840, 113549, 1, 1, 1]: try self.init(rsa: key)
            case [1, 2, 840, 10045, 2, 1]: try self.init(ec: key, algorithm.dropFirst().first)
            case [1, 3, 101, 112]: try self.init(ed25519: try DERNode(key).octets())
            default: throw Malformed()
            }
        default: return nil
        }
    }

    private init(rsa bytes: [UInt8]) throws(Malformed) {
        let parts = try DERNode(bytes).sequence()
        guard parts.count >= 9 else { throw Malformed() }
        var numbers: [[UInt8]] = []
        for part in parts.prefix(9) { numbers.append(Array(try part.integer().drop { $0 == 0 })) }
        func number(_ index: Int) -> Value { .number(Number(unsigned: numbers[index])) }
        var precomputed = Fields()
        precomputed.add("Dp", number(6))
        precomputed.add("Dq", number(7))
        precomputed.add("Qinv", number(8))
        precomputed.add("CRTValues", .array([]))
        var fields = Fields()
        fields.add("N", number(1))
        fields.add("E", number(2))
        var open = fields
        fields.add("D", number(3))
        fields.add("Primes", .array([number(4), number(5)]))
        fields.add("Precomputed", precomputed.value)
        value = fields.value
        publicValue = open.value
        open = Fields()
        open.add("kty", .string("RSA"))
        for (index, name) in ["n", "e", "d", "p", "q", "dp", "dq", "qi"].enumerated() {
            open.add(name, .string(Bytes.base64URL(numbers[index + 1])))
        }
        webKey = open.value
    }

    private init(ec bytes: [UInt8], _ parameters: DERNode?) throws(Malformed) {
        let parts = try DERNode(bytes).sequence()
        guard parts.count >= 2 else { throw Malformed() }
        let named = try parts.first { $0.context == 0 }?.children().first
        let curve = try EllipticCurve(parameters ?? named)
        let short = Array(try parts[1].octets().drop { $0 == 0 })
        guard short.count <= curve.width else { throw Malformed() }
        let scalar = [UInt8](repeating: 0, count: curve.width - short.count) + short
        let point: [UInt8]?
        switch curve {
        case .p256:
            point = (try? P256.Signing.PrivateKey(rawRepresentation: scalar)).map {
                Array($0.publicKey.x963Representation)
            }
        case .p384:
            point = (try? P384.Signing.PrivateKey(rawRepresentation: scalar)).map {
                Array($0.publicKey.x963Representation)
            }
        case .p521:
            point = (try? P521.Signing.PrivateKey(rawRepresentation: scalar)).map {
                Array($0.publicKey.x963Representation)
            }
        }
        guard let point else { throw Malformed() }
        var fields = curve.value(point: point)
        publicValue = fields.value
        fields.add("D", .number(Number(unsigned: scalar)))
        value = fields.value
        var key = Fields()
        key.add("kty", .string("EC"))
        key.add("crv", .string(curve.name))
        key.add("x", .string(Bytes.base64URL(point.dropFirst().prefix(curve.width))))
        key.add("y", .string(Bytes.base64URL(point.dropFirst(1 + curve.width))))
        key.add("d", .string(Bytes.base64URL(scalar)))
        webKey = key.value
    }

    private init(ed25519 seed: [UInt8]) throws(Malformed) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else { throw Malformed() }
        let open = Array(key.publicKey.rawRepresentation)
        value = Bytes.base64(seed + open)
        publicValue = Bytes.base64(open)
        var fields = Fields()
        fields.add("kty", .string("OKP"))
        fields.add("crv", .string("Ed25519"))
        fields.add("x", .string(Bytes.base64URL(open)))
        fields.add("d", .string(Bytes.base64URL(seed)))
        webKey = fields.value
    }

    /// The keys in a text of armoured blocks; other blocks are passed over.
    static func list(_ text: some Collection<UInt8>) throws(Builtin.Failure) -> [PrivateKey] {
        var keys: [PrivateKey] = []
        var rest = Array(text)[...]
        while let (block, after) = PEM.first(in: rest) {
            rest = after
            do throws(Malformed) {
                if let key = try PrivateKey(block) { keys.append(key) }
            } catch {
                throw .builtin("x509: failed to parse private key")
            }
        }
        return keys
    }
}
