import Crypto
import Rego

extension Builtin {
    /// `io.jwt.*`.
    static let tokens: [Builtin] =
        [
            plain("io.jwt.decode", 1) { (arguments: [Value]) throws(Failure) -> Value? in
                try decode(arguments.operand(1))
            },
            Builtin("io.jwt.decode_verify", 2, isPure: false, TokenConstraints.decodeAndVerify),
            Builtin("io.jwt.encode_sign", 3, isPure: false) {
                (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
                try TokenSigning.sign(
                    header: arguments.operand(1).json(), payload: arguments.operand(2).json(),
                    key: arguments.operand(3).json(), &context)
            },
            Builtin("io.jwt.encode_sign_raw", 3, isPure: false) {
                (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
                let key = Array(try arguments.string(3).utf8)
                return try TokenSigning.sign(
                    header: Array(try arguments.string(1).utf8), payload: Array(try arguments.string(2).utf8),
                    key: key, &context)
            },
        ]
        + [
            ("hs256", .hs256), ("hs384", .hs384), ("hs512", .hs512),
        ].map { (name: String, algorithm: SignatureAlgorithm) in secretVerifier(name, algorithm) }
        + [
            ("rs256", .rs256), ("rs384", .rs384), ("rs512", .rs512), ("ps256", .ps256), ("ps384", .ps384),
            ("ps512", .ps512), ("es256", .es256), ("es384", .es384), ("es512", .es512), ("eddsa", .edDSA),
        ].map { (name: String, algorithm: SignatureAlgorithm) in keyVerifier(name, algorithm) }

    /// The header, the payload and the signature in hexadecimal; of a nested token, the innermost.
    private static func decode(_ value: Value) throws(Failure) -> Value {
        var value = value
        while true {
            let token = try Token(value)
            let header = try token.decodedHeader()
            let payload = try token.decodedPayload()
            if header["cty"] == .string("JWT") {
                let quotes = Set("\"'".utf8)
                var text = payload[...]
                while let first = text.first, quotes.contains(first) { text.removeFirst() }
                while let last = text.last, quotes.contains(last) { text.removeLast() }
                value = .string(String(decoding: text, as: UTF8.self))
                continue
            }
            let fields = try Token.object(payload)
            let signature = try Token.decode(token.signature, "signature")
            return .array([.object(header), .object(fields), .string(Bytes.hex(signature))])
        }
    }

    private static func secretVerifier(_ name: String, _ algorithm: SignatureAlgorithm) -> Builtin {
        Builtin("io.jwt.verify_\(name)", 2) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            _ = try arguments.string(1)
            let key = VerificationKey(material: .secret(Array(try arguments.string(2).utf8)))
            let token = try Token(arguments.operand(1))
            try context.charge(token.payload.utf8.count / 64)
            return .bool(key.verifies(try token.decodedSignature(), of: token.signed, by: algorithm))
        }
    }

    private static func keyVerifier(_ name: String, _ algorithm: SignatureAlgorithm) -> Builtin {
        Builtin("io.jwt.verify_\(name)", 2) { (arguments: [Value], context: inout Context) throws(Failure) -> Value? in
            let token = try Token(arguments.operand(1))
            let keys = try VerificationKey.parse(try arguments.string(2))
            let signature = try token.decodedSignature()
            let header = try TokenHeader(token.decodedHeader())
            return .bool(
                try header.isSigned(token, signature, with: keys, &context) { (key: VerificationKey) in
                    key.isSecret ? nil : algorithm
                })
        }
    }
}

extension VerificationKey {
    var isSecret: Bool { if case .secret = material { true } else { false } }
}

extension TokenHeader {
    /// Whether one of the keys has signed the token: the one that the header names, or else any whose algorithm is not
    /// another than the header's. `algorithm` says how a key would have signed.
    func isSigned(
        _ token: Token, _ signature: [UInt8], with keys: [VerificationKey], _ context: inout Builtin.Context,
        by algorithm: (VerificationKey) -> SignatureAlgorithm?
    ) throws(Builtin.Failure) -> Bool {
        let signed = token.signed
        var candidates = keys.filter { $0.algorithm.isEmpty || $0.algorithm == self.algorithm }
        if !identifier.isEmpty, let named = keys.first(where: { $0.identifier == identifier }) { candidates = [named] }
        for key in candidates {
            try context.charge(64 + signed.count / 64)
            if let algorithm = algorithm(key), key.verifies(signature, of: signed, by: algorithm) { return true }
        }
        return false
    }
}
