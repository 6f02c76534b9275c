import Rego

/// A token of three parts, taken apart.
struct Token {
    let header: String
    let payload: String
    let signature: String

    init(_ value: Value) throws(Builtin.Failure) {
        let text = try [value].string(1)
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 1 { throw .builtin("encoded JWT had no period separators") }
        guard parts.count == 3 else { throw .builtin("encoded JWT must have 3 sections, found \(parts.count)") }
        (header, payload, signature) = (String(parts[0]), String(parts[1]), String(parts[2]))
    }

    /// What is signed.
    var signed: [UInt8] { Array("\(header).\(payload)".utf8) }

    func decodedSignature() throws(Builtin.Failure) -> [UInt8] { try Bytes.base64URL(decoding: signature) }

    func decodedHeader() throws(Builtin.Failure) -> ObjectValue {
        let bytes = try Self.decode(header, "header")
        let fields: ObjectValue
        do throws(Builtin.Failure) {
            fields = try Self.object(bytes)
        } catch {
            if case .builtin(let message) = error { throw .builtin("bad JWT header: \(message)") }
            throw error
        }
        if fields["enc"] != nil { throw .builtin("JWT is a JWE object, which is not supported") }
        return fields
    }

    func decodedPayload() throws(Builtin.Failure) -> [UInt8] { try Self.decode(payload, "payload") }

    static func decode(_ text: String, _ part: String) throws(Builtin.Failure) -> [UInt8] {
        do throws(Builtin.Failure) {
            return try Bytes.base64URL(decoding: text)
        } catch {
            guard case .builtin(let message) = error else { throw error }
            throw .builtin("JWT \(part) had invalid encoding: \(message)")
        }
    }

    static func object(_ bytes: [UInt8]) throws(Builtin.Failure) -> ObjectValue {
        let value: Value
        do throws(RegoError) {
            value = try JSONReader.parse(bytes)
        } catch {
            throw .builtin("invalid JSON: \(error.message)")
        }
        guard case .object(let object) = value else { throw .builtin("decoded JSON type was not an Object") }
        return object
    }
}

/// The fields of a header that verification looks at.
struct TokenHeader {
    var algorithm = ""
    var identifier = ""
    var contentType = ""
    private var critical: Set<Text> = []
    private var unknown: [Text] = []

    init(_ fields: ObjectValue) throws(Builtin.Failure) {
        for (key, value) in zip(fields.keys, fields.values) {
            guard case .string(let name) = key else { continue }
            switch name.string {
            case "alg": algorithm = try Self.text(name, value)
            case "kid": identifier = try Self.text(name, value)
            case "typ": _ = try Self.text(name, value)
            case "cty": contentType = try Self.text(name, value)
            case "crit":
                guard case .array(let members) = value else { throw .builtin("crit: must be a list") }
                for member in members {
                    guard case .string(let text) = member else { break }
                    critical.insert(text)
                }
                if critical.isEmpty { throw .builtin("crit: must be a nonempty list") }
            default: unknown.append(name)
            }
        }
    }

    /// Whether there is an algorithm and nothing critical that is unknown.
    var isValid: Bool { !algorithm.isEmpty && critical.isDisjoint(with: unknown) }

    private static func text(_ name: Text, _ value: Value) throws(Builtin.Failure) -> String {
        guard case .string(let text) = value else { throw .builtin("\(name): must be a string") }
        return text.string
    }
}
