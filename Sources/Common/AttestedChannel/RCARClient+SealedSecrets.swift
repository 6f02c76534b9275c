import Crypto
import Envelope
import Unsealing
import WireFormat

extension RCARClient {
    /// Opens a sealed secret, as the guests of Confidential Containers do: its signature is checked with the key that the broker keeps
    /// under the text's `kid`, and the secret is the resource that it names or what a key of the broker unwraps.
    ///
    /// - Parameter text: `sealed.` and three parts.
    /// - Throws: What the broker refused, or `badAnswer` for a text that is no sealed secret or is signed by another key.
    public func unseal(_ text: String) async throws(BrokerFailure) -> SecretBytes {
        let sealed = try Self.reading { () throws(WireError) in try SealedText(text) }
        let resource = try Self.reading { () throws(WireError) in try sealed.keyResource() }
        let key = try Self.signingKey(try await self.resource(resource), resource)
        let secret: SealedSecret
        do {
            secret = try sealed.verified(by: key)
        } catch {
            throw BrokerFailure(.badAnswer, "sealed secret: \(error)")
        }
        guard secret.provider == "kbs" else {
            throw BrokerFailure(.badAnswer, "sealed secret: its provider is not kbs")
        }
        switch secret.content {
        case .vault(let name): return try await self.resource(name)
        case .envelope(let envelope):
            let use = try Self.reading { () throws(WireError) in try envelope.unwrapping() }
            let wrapped = try await unwrap(envelope.encryptedKey, by: use)
            do {
                return try envelope.open(with: wrapped)
            } catch {
                throw BrokerFailure(.badAnswer, "sealed secret: \(error)")
            }
        }
    }

    private func unwrap(
        _ wrapped: String, by use: SealedNeeds.KeyUse
    ) async throws(BrokerFailure) -> SecretBytes {
        let key = "\(use.namespace)/\(use.name)"
        let answer = try await opened(
            "POST", "/kbs/v0/kms/\(key)/\(use.operation)", what: "key \(key)", body: ["ciphertext": .string(wrapped)])
        do {
            guard let text = try JSONValue.parse(answer.copyBytes())["plaintext"]?.stringValue else {
                throw WireError(field: "plaintext", reason: "is missing")
            }
            return SecretBytes(try Base64.decode(text, field: "plaintext"))
        } catch {
            throw BrokerFailure(.badAnswer, "key \(key): \(error)")
        }
    }

    private static func signingKey(
        _ bytes: SecretBytes, _ resource: String
    ) throws(BrokerFailure) -> P256.Signing.PublicKey {
        let jwk = try? JSONWebKey(parsing: try JSONValue.parse(bytes.copyBytes()))
        guard case .elliptic(.p256, let x, let y)? = jwk?.material,
            let key = try? P256.Signing.PublicKey(rawRepresentation: x + y)
        else { throw BrokerFailure(.badAnswer, "sealed secret: \(resource) is no P-256 key as JWK") }
        return key
    }

    private static func reading<Value>(_ body: () throws(WireError) -> Value) throws(BrokerFailure) -> Value {
        do {
            return try body()
        } catch {
            throw BrokerFailure(.badAnswer, "sealed secret: \(error.field): \(error.reason)")
        }
    }
}
