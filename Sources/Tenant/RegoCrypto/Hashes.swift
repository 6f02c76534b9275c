import Crypto
import Rego

extension Builtin {
    /// `crypto.md5`, `crypto.sha1`, `crypto.sha256` and `crypto.hmac.*`.
    static let hashes: [Builtin] = [
        hash("crypto.md5", Insecure.MD5.self),
        hash("crypto.sha1", Insecure.SHA1.self),
        hash("crypto.sha256", SHA256.self),
        authentication("crypto.hmac.md5", Insecure.MD5.self),
        authentication("crypto.hmac.sha1", Insecure.SHA1.self),
        authentication("crypto.hmac.sha256", SHA256.self),
        authentication("crypto.hmac.sha512", SHA512.self),
        plain("crypto.hmac.equal", 2) { (arguments: [Value]) throws(Failure) -> Value? in
            .bool(Bytes.areEqual(Array(try arguments.string(1).utf8), Array(try arguments.string(2).utf8)))
        },
    ]

    private static func hash<Hash: HashFunction>(_ name: String, _: Hash.Type) -> Builtin {
        Builtin(name, 1) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let text = try arguments.string(1)
            try context.charge(text.utf8.count / 64)
            return .string(Bytes.hex(Hash.hash(data: Array(text.utf8))))
        }
    }

    private static func authentication<Hash: HashFunction>(_ name: String, _: Hash.Type) -> Builtin {
        Builtin(name, 2) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let (text, key) = (try arguments.string(1), try arguments.string(2))
            try context.charge((text.utf8.count + key.utf8.count) / 64)
            let code = HMAC<Hash>.authenticationCode(
                for: Array(text.utf8), using: SymmetricKey(data: Array(key.utf8)))
            return .string(Bytes.hex(code))
        }
    }
}
