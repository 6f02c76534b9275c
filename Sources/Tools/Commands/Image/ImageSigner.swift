import Crypto
import Envelope
import Foundation
import ImageFormat
import Registry

import struct Envelope.SHA256Digest

/// Signs images as cosign does, with a P-256 key in PEM.
struct ImageSigner: Sendable {
    private let key: P256.Signing.PrivateKey

    init(key path: String) throws {
        let pem = try StateFolder.text(
            path, hint: "make a key with `openssl ecparam -name prime256v1 -genkey`, or run `testudo up`")
        guard !pem.contains("ENCRYPTED") else {
            throw CommandFailure(
                "\(path) is protected by a passphrase",
                hint: "cosign's own key format is not supported; use a plain P-256 PEM file")
        }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) else {
            throw CommandFailure("\(path) is not a P-256 private key in PEM")
        }
        self.key = key
    }

    /// Signs what the reference stands for now and pushes the signature beside it.
    ///
    /// - Parameter replacing: Whether the signatures that are there go.
    /// - Returns: The digest that was signed.
    @discardableResult
    func sign(_ text: String, replacing: Bool = false) async throws -> SHA256Digest {
        let reference = try ImageStore.reference(text)
        let client = try RegistryAccess.client(for: reference)
        let digest = try await client.digest(of: reference)
        let signature = try CosignSignature(signing: digest, of: reference, with: key)
        _ = try await client.push(reference.repository, signature: signature, of: digest, replacing: replacing)
        return digest
    }
}
