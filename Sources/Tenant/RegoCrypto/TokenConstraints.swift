import Rego

/// What a token must keep to.
struct TokenConstraints {
    private var keys: [VerificationKey]?
    private var algorithm = ""
    private var issuer = ""
    private var audience = ""
    /// Nanoseconds since 1970.
    private var time: Double?

    private init(_ fields: ObjectValue, now: Int64?) throws(Builtin.Failure) {
        var secret = ""
        for (key, value) in zip(fields.keys, fields.values) {
            guard case .string(let name) = key else { throw .builtin("unknown token validation constraint: \(key)") }
            switch name.string {
            case "cert":
                guard case .string(let text) = value else { throw .builtin("cert constraint: must be a string") }
                keys = try VerificationKey.parse(text.string)
            case "secret": secret = try Self.text(name, value)
            case "alg": algorithm = try Self.text(name, value)
            case "iss": issuer = try Self.text(name, value)
            case "aud": audience = try Self.text(name, value)
            case "time":
                guard case .number(let number) = value else {
                    throw .builtin("token time constraint: must be a number")
                }
                guard number.double >= 0 else { throw .builtin("token time constraint: must not be negative") }
                time = number.double
            default: throw .builtin("unknown token validation constraint: \(name)")
            }
        }
        if time == nil { time = now.map(Double.init) }
        if !secret.isEmpty {
            if keys != nil { throw .builtin("duplicate key constraints") }
            keys = [VerificationKey(material: .secret(Array(secret.utf8)))]
        }
        if keys == nil { throw .builtin("no key constraint") }
    }

    private static func text(_ name: Text, _ value: Value) throws(Builtin.Failure) -> String {
        guard case .string(let text) = value else { throw .builtin("\(name) constraint: must be a string") }
        return text.string
    }

    /// `io.jwt.decode_verify`: whether the token keeps to the constraints, and if so the header and the payload.
    static func decodeAndVerify(
        _ arguments: [Value], _ context: inout Builtin.Context
    ) throws(Builtin.Failure) -> Value? {
        let empty = Value.object(ObjectValue([]))
        let unverified = Value.array([.bool(false), empty, empty])
        let constraints = try TokenConstraints(try arguments.object(2), now: context.now)
        var value = arguments.operand(1)
        while true {
            let token = try Token(value)
            let fields = try token.decodedHeader()
            let header = try TokenHeader(fields)
            guard header.isValid else { return unverified }
            if !constraints.algorithm.isEmpty, constraints.algorithm != header.algorithm { return unverified }
            let signature = try token.decodedSignature()
            let algorithm = SignatureAlgorithm(rawValue: header.algorithm)
            let isSigned = try header.isSigned(token, signature, with: constraints.keys ?? [], &context) { _ in
                algorithm
            }
            guard isSigned else { return unverified }
            let payload = try token.decodedPayload()
            if header.contentType.uppercased() == "JWT" {
                value = .string(String(decoding: payload, as: UTF8.self))
                continue
            }
            let claims = try Token.object(payload)
            guard try constraints.allow(claims) else { return unverified }
            return .array([.bool(true), .object(fields), .object(claims)])
        }
    }

    private func allow(_ claims: ObjectValue) throws(Builtin.Failure) -> Bool {
        if !issuer.isEmpty, claims["iss"] != .string(issuer) { return false }
        if let claim = claims["aud"] {
            switch claim {
            case .string(let text): if text != Text(audience) { return false }
            case .array(let members): if !members.contains(.string(audience)) { return false }
            default: return false
            }
        } else if !audience.isEmpty {
            return false
        }
        if let claim = claims["exp"] {
            if try order(claim, "exp") >= 0 { return false }
        }
        if let claim = claims["nbf"] {
            if try order(claim, "nbf") < 0 { return false }
        }
        return true
    }

    /// How the time compares to a claim in seconds.
    private func order(_ claim: Value, _ name: String) throws(Builtin.Failure) -> Int {
        guard case .number(let seconds) = claim else { throw .builtin("\(name) value must be a number") }
        guard let time else { throw .builtin("the evaluation has no time") }
        guard let now = Number(json: "\(time / 1_000_000_000)") else {
            throw .builtin("token time constraint: unvalid float64")
        }
        return Number.order(now, seconds)
    }
}
