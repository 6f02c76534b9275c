import Rego

/// Making tokens.
enum TokenSigning {
    static func sign(
        header: [UInt8], payload: [UInt8], key: [UInt8], _ context: inout Builtin.Context
    ) throws(Builtin.Failure) -> Value {
        try context.charge(64 + (header.count + payload.count) / 16)
        let keys: [JSONWebKey]
        do throws(JSONWebKey.Problem) { keys = try JSONWebKey.set(key) } catch { throw .builtin(error.message) }
        guard let key = keys.first else { throw .builtin("no keys found in JWK set") }
        let fields = try Self.fields(header)
        guard case .string(let name) = fields?["alg"] else {
            throw .builtin("missing or invalid 'alg' header: jwsbb: header \"alg\" not found")
        }
        guard let algorithm = SignatureAlgorithm(rawValue: name.string) else {
            throw .builtin("unknown JWS algorithm: \(name)")
        }
        var isToken = true
        if case .string(let type) = fields?["typ"] { isToken = type == "JWT" }
        if isToken, (try? JSONReader.parse(payload)) == nil {
            throw .builtin("type is JWT but payload is not JSON")
        }
        let signed = "\(Bytes.base64URL(header)).\(Bytes.base64URL(payload))"
        do throws(JSONWebKey.Problem) {
            let signature = try key.sign(Array(signed.utf8), by: algorithm)
            return .string("\(signed).\(Bytes.base64URL(signature))")
        } catch {
            throw .builtin(error.message)
        }
    }

    /// The header's fields; nil when it is not an object.
    ///
    /// The library that OPA uses reads a bare word as a number that is none: it is JSON to it, without fields.
    private static func fields(_ header: [UInt8]) throws(Builtin.Failure) -> ObjectValue? {
        if header.isEmpty {
            throw .builtin("missing or invalid 'alg' header: cannot parse JSON: cannot parse empty string")
        }
        do throws(RegoError) {
            guard case .object(let fields) = try JSONReader.parse(header) else { return nil }
            return fields
        } catch {
            if header.allSatisfy({ "0123456789+-.eEnaifNAIF".utf8.contains($0) }) { return nil }
            throw .builtin("missing or invalid 'alg' header: cannot parse JSON: \(error.message)")
        }
    }
}
