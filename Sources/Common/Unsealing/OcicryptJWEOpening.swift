import Crypto
import CryptoExtras
import Envelope
import WireFormat

/// A JWE of ocicrypt: flattened for one recipient, general for several, each with its own header.
struct OcicryptJWEOpening {
    private struct Recipient {
        let header: [String: JSONValue]
        let encryptedKey: [UInt8]
    }

    private let recipients: [Recipient]
    private let protected: [UInt8]
    private let box: AES.GCM.SealedBox
    private let additional: [UInt8]

    static let maximumRecipients = 64

    init?(parsing bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes), let protected = value["protected"]?.stringValue,
            let header = try? JSONValue.parse(Base64.decodeURL(protected, field: "protected")).objectValue,
            let vector = Self.field("iv", value), let ciphertext = Self.field("ciphertext", value),
            let tag = Self.field("tag", value), header["crit"] == nil, header["zip"] == nil,
            let nonce = try? AES.GCM.Nonce(data: vector),
            let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: ciphertext, tag: tag)
        else { return nil }
        self.protected = Array(protected.utf8)
        self.box = box
        var additional = self.protected
        if let aad = value["aad"]?.stringValue { additional += [UInt8(ascii: ".")] + Array(aad.utf8) }
        self.additional = additional
        let entries = value["recipients"]?.arrayValue ?? [value]
        guard entries.count <= Self.maximumRecipients else { return nil }
        var recipients: [Recipient] = []
        for entry in entries {
            guard let key = Self.field("encrypted_key", entry),
                let merged = Self.merge([header, value["unprotected"]?.objectValue, entry["header"]?.objectValue]),
                merged["enc"]?.stringValue == "A256GCM"
            else { return nil }
            recipients.append(Recipient(header: merged, encryptedKey: key))
        }
        self.recipients = recipients
    }

    private static func field(_ name: String, _ value: JSONValue) -> [UInt8]? {
        value[name]?.stringValue.flatMap { try? Base64.decodeURL($0, field: name) }
    }

    /// Joins the header's parts; a name that occurs in two of them is refused (RFC 7516, section 7.2.1).
    private static func merge(_ parts: [[String: JSONValue]?]) -> [String: JSONValue]? {
        var merged: [String: JSONValue] = [:]
        for case .some(let part) in parts {
            for (name, value) in part {
                guard merged.updateValue(value, forKey: name) == nil else { return nil }
            }
        }
        return merged
    }

    func open(with key: _RSA.Encryption.PrivateKey) -> [UInt8]? {
        for recipient in self.recipients where recipient.header["alg"]?.stringValue == "RSA-OAEP" {
            guard let contentKey = try? key.decrypt(recipient.encryptedKey, padding: .PKCS1_OAEP),
                contentKey.count == 32
            else { continue }
            if let plain = self.open(SymmetricKey(data: contentKey)) { return plain }
        }
        return nil
    }

    func open(with key: P256.KeyAgreement.PrivateKey) -> [UInt8]? {
        for recipient in self.recipients where recipient.header["alg"]?.stringValue == "ECDH-ES+A256KW" {
            guard let wrapping = Self.agree(key, recipient.header),
                let contentKey = try? AES.KeyWrap.unwrap(recipient.encryptedKey, using: wrapping),
                contentKey.bitCount == 256
            else { continue }
            if let plain = self.open(contentKey) { return plain }
        }
        return nil
    }

    private func open(_ contentKey: SymmetricKey) -> [UInt8]? {
        (try? AES.GCM.open(self.box, using: contentKey, authenticating: self.additional)).map { Array($0) }
    }

    /// ECDH with the sender's ephemeral key, then one round of the Concat KDF (RFC 7518, section 4.6.2).
    private static func agree(_ key: P256.KeyAgreement.PrivateKey, _ header: [String: JSONValue]) -> SymmetricKey? {
        guard let ephemeral = header["epk"], ephemeral["kty"]?.stringValue == "EC",
            ephemeral["crv"]?.stringValue == "P-256",
            let x = Self.field("x", ephemeral), let y = Self.field("y", ephemeral), x.count == 32, y.count == 32,
            let sender = try? P256.KeyAgreement.PublicKey(rawRepresentation: x + y),
            let shared = try? key.sharedSecretFromKeyAgreement(with: sender)
        else { return nil }
        func party(_ name: String) -> [UInt8]? { header[name] == nil ? [] : Self.field(name, .object(header)) }
        guard let partyU = party("apu"), let partyV = party("apv") else { return nil }
        return ConcatKDF.derive(
            sharedSecret: shared, algorithm: "ECDH-ES+A256KW", partyU: partyU, partyV: partyV, keyBits: 256)
    }
}
