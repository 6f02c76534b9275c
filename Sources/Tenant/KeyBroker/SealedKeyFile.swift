import Crypto
import Foundation

/// A P-256 signing key in a file of its own: sealed with the root key, 0600, generated at first use.
enum SealedKeyFile {
    /// Opens the key at `path`, or makes one when there is no file. A damaged file is an error, never a new key.
    static func loadOrCreate(
        _ path: String, name: String, sealer: RowSealer
    ) throws(BrokerError) -> P256.Signing.PrivateKey {
        if !FileManager.default.fileExists(atPath: path) {
            let key = P256.Signing.PrivateKey()
            try PrivateFile.write(try sealer.seal(Array(key.rawRepresentation), context: "key\n\(name)"), to: path)
            return key
        }
        let sealed = try PrivateFile.read(path, what: "sealed key")
        guard
            let key = try? P256.Signing.PrivateKey(
                rawRepresentation: try sealer.open(sealed, context: "key\n\(name)"))
        else { throw BrokerError(.failed, check: "key-file", "the key \(path) does not open with this root key") }
        return key
    }
}
