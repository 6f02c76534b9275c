import Crypto
import CryptoExtras
import Envelope
import Foundation
import Fuzzing
import Unsealing
import WireFormat

@testable import KeyBroker
@testable import KeyManagement

/// Keys in JSON: of guests, of signers, for import; sets of them; certificates that are pinned.
enum KeyFormat: FormatFamily {
    static let sources = [
        "Sources/Common/Envelope/JSONWebKey.swift", "Sources/Common/Envelope/JWSKeyParsing.swift",
        "Sources/Tenant/KeyManagement/KeyMaterial.swift",
    ]

    static func run(_ bytes: [UInt8]) throws {
        guard bytes.first(where: { $0 > 0x20 }) != UInt8(ascii: "-") else {
            _ = try CertificateTrust(pem: bytes)
            return
        }
        let json = try JSONValue.parse(bytes)
        if json["keys"] != nil {
            let keys = try ForeignTokens.keySet(bytes)
            require((1...256).contains(keys.count), "a set has too many keys, or none")
            for key in keys { require(!key.key.publicKeyInfo.isEmpty, "a key without bytes") }
            return
        }
        var failure: (any Error)?
        for read in [recipient, signer, imported] { do { try read(json) } catch { failure = error } }
        if let failure { throw failure }
    }

    private static func recipient(_ json: JSONValue) throws {
        let key = try JSONWebKey(parsing: json)
        let again = try? JSONWebKey(parsing: key.json)
        require(again == key, "a key that is written is another")
        require(again?.thumbprint == key.thumbprint, "a key has two thumbprints")
        _ = (try? key.p256Agreement(), try? key.p256Signing())
        let old: Void? = try? key.requireRecipient(allowsPadding15: true)
        try key.requireRecipient()
        require(old != nil, "a key of today is none of before")
        // Encrypting takes longer than all the rest.
        guard json.canonicalBytes.count % 8 == 0 else { return }
        require((try? JWE.encrypt(Fixed.secret, to: key)) != nil, "nothing can be sealed to an accepted key")
    }

    private static func signer(_ json: JSONValue) throws {
        let key = try JWS.Key(jwk: json)
        require(["ES256", "ES384", "EdDSA", "RS256", "PS256"].contains(key.algorithm), "an unknown algorithm")
        require(key.publicKeyInfo.first == 0x30, "a key without its form")
        require(json["d"] == nil && json["k"] == nil && json["p"] == nil, "a private key is taken for a public one")
        let forged = "eyJhbGciOiJ\(key.algorithm)In0.e30.AAAA"
        require((try? JWS.verify(forged, keys: [key])) == nil, "a signature of nobody")
    }

    private static func imported(_ json: JSONValue) throws {
        var failure: (any Error)?
        for kind in KeyKind.allCases {
            do {
                let material = try KeyMaterial(jwk: json, kind: kind)
                require(kind.sizes.contains(material.secret.count), "a key has another size")
                require((material.publicKey != nil) == kind.isAsymmetric, "a public half where there is none")
                let again = try? KeyMaterial(kind, material.secret)
                require(again?.publicKey == material.publicKey, "a key has two public halves")
                guard let half = material.publicKey else { continue }
                let name = Fixed.made { try KeyName(namespace: "n", name: "k") }
                let shown = KeyPublic(kind: kind, version: 1, bytes: half).jwk(name: name)
                require((try? JWS.Key(jwk: shown)) != nil, "a key that is shown cannot be read")
                _ = (try? KeyMaterial.p256(material.secret), try? KeyMaterial.p384(material.secret))
                _ = (try? KeyMaterial.ed25519(material.secret), material.symmetric)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        func number(_ bytes: some Collection<UInt8>) -> JSONValue { .string(Base64.encodeURL(Array(bytes))) }
        let p256 = Fixed.jwk("P-256", Fixed.signing.publicKey.rawRepresentation, ["kid": "a", "alg": "ES256"])
        let p384 = Fixed.jwk("P-384", Fixed.signing384.publicKey.rawRepresentation, ["use": "sig"])
        let signers = [p256, p384, Fixed.edwardsJWK(), Fixed.rsaJWK("PS256"), Fixed.rsaJWK("RS256")]
        var keys = Fixed.recipients + signers
        keys.append(Fixed.jwk("P-256", Fixed.signing.publicKey.rawRepresentation, ["key_ops": ["verify"]]))
        keys.append(
            Fixed.jwk(
                "P-256", Fixed.signing.publicKey.rawRepresentation,
                ["d": number(Fixed.signing.rawRepresentation), "use": "sig", "alg": "ES256"]))
        keys.append(
            Fixed.jwk(
                "P-384", Fixed.signing384.publicKey.rawRepresentation,
                ["d": number(Fixed.signing384.rawRepresentation)]))
        var edwards = Fixed.edwardsJWK().objectValue ?? [:]
        edwards["d"] = number(Fixed.edwards.rawRepresentation)
        keys.append(.object(edwards))
        for count in [32, 48, 256] { keys.append(["kty": "oct", "k": number(Fixed.bytes(14, count))]) }
        keys.append(["kty": "oct", "k": number([UInt8](repeating: 0, count: 32)), "alg": "A256GCM", "use": "enc"])
        keys.append(["keys": .array(signers)])
        keys.append(["keys": .array(Fixed.recipients)])
        let folder = vectors.appendingPathComponent("trustee/kbs/test_data")
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
        let found = files.filter { $0.hasSuffix(".jwks") || $0.hasSuffix(".jwk") || $0.hasSuffix(".json") }.prefix(40)
            .compactMap { try? Data(contentsOf: folder.appendingPathComponent($0)) }.map(Array.init)
        return keys.map(\.canonicalBytes) + found + [Array(CertificateFormat.root.pem.utf8)]
    }
}

/// Answers of the key broker, as guests open them.
enum JWEFormat: FormatFamily {
    static let shape = Shape.json
    static let sources =
        ["JWEOpening"].map { "Sources/Common/Unsealing/\($0).swift" }
        + ["AESKeyWrap", "ConcatKDF"].map { "Sources/Common/Envelope/\($0).swift" }

    private static let names = ["protected", "encrypted_key", "iv", "ciphertext", "tag", "aad"]

    /// What a message is, however it is written.
    private static func parts(_ json: JSONValue?) -> [String]? {
        guard let json, json["ciphertext"] != nil else { return nil }
        return names.map { json[$0]?.stringValue ?? "" }
    }

    private static let honest = Honest.parts { parts(try? JSONValue.parse($0)) }

    static func run(_ bytes: [UInt8]) throws {
        let message = try JSONValue.parse(bytes)
        let opened = [
            try? JWE.open(message, with: Fixed.agreement), try? JWE.open(message, with: Fixed.agreement521),
            try? JWE.open(message, with: Fixed.rsa),
        ].compactMap(\.self)
        require(opened.count <= 1, "a message opens for two")
        guard let plaintext = opened.first else { return }
        require(plaintext.copyBytes() == Fixed.secret, "a message opens as another")
        guard let honest, let parts = parts(message) else { return }
        require(honest.contains(parts), "a message opens that was changed")
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        var seeds: [JSONValue] = []
        for key in Fixed.recipients.prefix(3) {
            let key = Fixed.made { try JSONWebKey(parsing: key) }
            for _ in 0..<3 { seeds.append(Fixed.made { try JWE.encrypt(Fixed.secret, to: key) }) }
        }
        let plain = Fixed.made { try JSONWebKey(parsing: Fixed.rsaJWK("RSA1_5")) }
        seeds.append(Fixed.made { try JWE.encryptLegacy(Fixed.secret, to: plain) })
        seeds += [parties(["apu": "QWxpY2U", "apv": "Qm9i"], aad: nil), parties([:], aad: "more")]
        seeds += [parties(["apu": 1], aad: nil), parties(["crit": []], aad: nil), parties(["zip": "DEF"], aad: nil)]
        return seeds.map(\.canonicalBytes)
    }

    /// A message whose header says more.
    private static func parties(_ more: [String: JSONValue], aad: String?) -> JSONValue {
        Fixed.made {
            let sender = P256.KeyAgreement.PrivateKey()
            func party(_ name: String) -> [UInt8] {
                more[name]?.stringValue.flatMap { try? Base64.decodeURL($0, field: name) } ?? []
            }
            let wrapping = ConcatKDF.derive(
                sharedSecret: try sender.sharedSecretFromKeyAgreement(with: Fixed.agreement.publicKey),
                algorithm: JWE.agreement, partyU: party("apu"), partyV: party("apv"), keyBits: 256)
            let content = SymmetricKey(size: .bits256)
            var header = more
            header["alg"] = .string(JWE.agreement)
            header["enc"] = .string(JWE.contentEncryption)
            header["epk"] = JSONWebKey(sender.publicKey, algorithm: nil).json
            let protected = Base64.encodeURL(JSONValue.object(header).canonicalBytes)
            let box = try AES.GCM.seal(
                Fixed.secret, using: content,
                authenticating: Array((aad.map { "\(protected).\($0)" } ?? protected).utf8))
            var message: [String: JSONValue] = [
                "protected": .string(protected),
                "encrypted_key": .string(Base64.encodeURL(try AESKeyWrap.wrap(content, under: wrapping))),
                "iv": .string(Base64.encodeURL(Array(box.nonce))),
                "ciphertext": .string(Base64.encodeURL(Array(box.ciphertext))),
                "tag": .string(Base64.encodeURL(Array(box.tag))),
            ]
            message["aad"] = aad.map { .string($0) }
            return .object(message)
        }
    }
}
