import Crypto
import CryptoExtras
import Rego

/// A key as JSON.
struct JSONWebKey {
    struct Problem: Error {
        let message: String
    }

    private let fields: ObjectValue
    private let type: String

    /// What the key is for; empty when it does not say.
    var algorithm: String { text("alg") ?? "" }
    /// The key's name.
    var identifier: String { text("kid") ?? "" }

    init(_ value: Value) throws(Problem) {
        guard case .object(let fields) = value else { throw Problem(message: "a key must be an object") }
        guard case .string(let type) = fields["kty"] else { throw Problem(message: "missing field \"kty\"") }
        (self.fields, self.type) = (fields, type.string)
    }

    /// One key, or the keys of a set.
    static func set(_ bytes: [UInt8]) throws(Problem) -> [JSONWebKey] {
        let value: Value
        do throws(RegoError) { value = try JSONReader.parse(bytes) } catch { throw Problem(message: error.message) }
        return try set(value)
    }

    static func set(_ value: Value) throws(Problem) -> [JSONWebKey] {
        guard case .object(let object) = value, case .array(let members) = object["keys"] else {
            return [try JSONWebKey(value)]
        }
        var keys: [JSONWebKey] = []
        for member in members { keys.append(try JSONWebKey(member)) }
        return keys
    }

    private func text(_ name: String) -> String? {
        if case .string(let text) = fields[name] { text.string } else { nil }
    }

    private func bytes(_ name: String) throws(Problem) -> [UInt8] {
        guard let text = text(name), let bytes = try? Bytes.base64URL(decoding: text) else {
            throw Problem(message: "missing or invalid field \"\(name)\"")
        }
        return bytes
    }

    private func field(_ name: String, width: Int) throws(Problem) -> [UInt8] {
        let found = try bytes(name).drop { $0 == 0 }
        if found.count > width { throw Problem(message: "field \"\(name)\" is too long") }
        return [UInt8](repeating: 0, count: width - found.count) + found
    }

    /// The key to verify with.
    func verification() throws(Problem) -> VerificationKey.Material {
        if type == "oct" { return .secret(try bytes("k")) }
        if fields["d"] != nil { return .other }
        do {
            switch (type, text("crv") ?? "") {
            case ("RSA", _): return .rsa(try _RSA.Signing.PublicKey(n: bytes("n"), e: bytes("e")))
            case ("EC", "P-256"):
                return .p256(try .init(rawRepresentation: field("x", width: 32) + field("y", width: 32)))
            case ("EC", "P-384"):
                return .p384(try .init(rawRepresentation: field("x", width: 48) + field("y", width: 48)))
            case ("EC", "P-521"):
                return .p521(try .init(rawRepresentation: field("x", width: 66) + field("y", width: 66)))
            case ("OKP", "Ed25519"): return .ed25519(try .init(rawRepresentation: bytes("x")))
            case ("EC", _), ("OKP", _): return .other
            default: break
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(message: "invalid \(type) key")
        }
        throw Problem(message: "invalid key type \(type)")
    }

    /// The signature of bytes by an algorithm that the key is fit for.
    func sign(_ message: [UInt8], by algorithm: SignatureAlgorithm) throws(Problem) -> [UInt8] {
        let unfit = Problem(message: "cannot sign by \(algorithm.rawValue) with a key of type \(type)")
        do {
            switch type {
            case "oct":
                guard let code = algorithm.authenticationCode(message, try bytes("k")) else { throw unfit }
                return code
            case "RSA":
                guard let padding = algorithm.padding else { throw unfit }
                let key = try _RSA.Signing.PrivateKey(
                    n: bytes("n"), e: bytes("e"), d: bytes("d"), p: bytes("p"), q: bytes("q"))
                return Array(
                    try key.signature(for: algorithm.digest(message), padding: padding).rawRepresentation)
            case "EC":
                guard algorithm.isECDSA else { throw unfit }
                return try signCurve(algorithm.digest(message))
            case "OKP":
                guard algorithm == .edDSA, text("crv") == "Ed25519" else { throw unfit }
                let key = try Curve25519.Signing.PrivateKey(rawRepresentation: bytes("d"))
                return Array(try key.signature(for: message))
            default: throw Problem(message: "invalid key type \(type)")
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(message: "failed to sign with the key")
        }
    }

    private func signCurve(_ digest: any Digest) throws -> [UInt8] {
        switch text("crv") {
        case "P-256":
            let key = try P256.Signing.PrivateKey(rawRepresentation: field("d", width: 32))
            return Array(try key.signature(for: digest).rawRepresentation)
        case "P-384":
            let key = try P384.Signing.PrivateKey(rawRepresentation: field("d", width: 48))
            return Array(try key.signature(for: digest).rawRepresentation)
        case "P-521":
            let key = try P521.Signing.PrivateKey(rawRepresentation: field("d", width: 66))
            return Array(try key.signature(for: digest).rawRepresentation)
        default: throw Problem(message: "unknown curve")
        }
    }
}
