import Crypto
import CryptoExtras
import Envelope
import Foundation
import WireFormat

/// The keys of an identity provider. The algorithm is the key's, whatever a token says.
struct ProviderKeys: Sendable {
    private let keys: [(name: String?, key: JWS.Key)]

    /// Nobody's.
    static let nobody = ProviderKeys(keys: [])

    private init(keys: [(name: String?, key: JWS.Key)]) { self.keys = keys }

    /// Reads what the settings name.
    init(_ settings: IdentityProvider.Keys) throws(BrokerError) {
        var keys: [(name: String?, key: JWS.Key)] = []
        switch settings {
        case .files(let paths):
            for path in paths { keys += try Self.keys(file: path).map { (nil, $0) } }
        case .keySet(let path):
            let bytes = try PrivateFile.readTrusted(path, what: "key set")
            do {
                keys = try ForeignTokens.keySet(bytes)
            } catch {
                throw BrokerError(.failed, check: "configuration", "\(path): \(error.field): \(error.reason)")
            }
        }
        self.keys = keys
    }

    /// The keys that may have signed a token with this header.
    func candidates(_ header: JSONValue) -> [JWS.Key] {
        let name = header["kid"]?.stringValue
        let named = keys.filter { $0.name != nil && $0.name == name }
        return (named.isEmpty ? keys.filter { $0.name == nil || name == nil } : named).map(\.key)
    }

    /// One public key in PEM form; one of RSA checks both paddings.
    private static func keys(file path: String) throws(BrokerError) -> [JWS.Key] {
        let text = String(decoding: try PrivateFile.readTrusted(path, what: "public key"), as: UTF8.self)
        if let key = try? P256.Signing.PublicKey(pemRepresentation: text) { return [.es256(key)] }
        if let key = try? P384.Signing.PublicKey(pemRepresentation: text) { return [.es384(key)] }
        if let key = try? Curve25519.Signing.PublicKey(pemRepresentation: text) { return [.edDSA(key)] }
        if let key = try? _RSA.Signing.PublicKey(pemRepresentation: text), (2048...8192).contains(key.keySizeInBits) {
            return [.rs256(key), .ps256(key)]
        }
        throw BrokerError(
            .failed, check: "configuration",
            "\(path) is no public key of P-256, P-384, Ed25519 or RSA (2048 to 8192 bits) in PEM form")
    }
}
