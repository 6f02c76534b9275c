import Crypto
import Envelope
import Foundation
import Fuzzing
import SealedStorage
import WireFormat

@testable import KeyBroker
@testable import KeyManagement

/// What the key management sealed, in its own form.
enum KeyMessageFormat: FormatFamily {
    static let room = 2_048
    static let shape = Shape.fields([.bytes(2), .number(1), .number(4, bigEndian: true), .bytes(12), .rest(.raw)])
    static let sources = ["Sources/Tenant/KeyManagement/KeyMessage.swift"]

    private static let gcm = SymmetricKey(data: Fixed.bytes(20))
    private static let wrapping = SymmetricKey(data: Fixed.bytes(21))
    private static let name = Fixed.made { try KeyName(namespace: "n", name: "k") }
    private static let material = SecretBytes(Fixed.bytes(22))

    static func run(_ bytes: [UInt8]) throws {
        var failure: (any Error)?
        for kind in KeyKind.allCases {
            do {
                let message = try KeyMessage(bytes, kind: kind, field: "ciphertext")
                require(message.bytes == bytes, "a message is not given back")
                try open(message, bytes)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private static func open(_ message: KeyMessage, _ bytes: [UInt8]) throws {
        let opened: SecretBytes
        let expected: SecretBytes
        switch message.kind {
        case .aes256KW:
            // Key wrap says nothing of the version, which chooses the key.
            guard message.version == 1 else { return }
            opened = try KeyMessage.unwrap(message.body, wrapping)
            expected = material
        default:
            opened = try KeyMessage.open(
                message.body, gcm, associated: KeyMessage.associated(message.kind, message.version, name, []))
            expected = SecretBytes(Fixed.secret)
        }
        require(opened == expected, "a message opens as another")
        require(Honest.contains(bytes), "a message opens that was changed")
        let body = try KeyMessage.wrap(material, wrapping)
        require((try? KeyMessage.unwrap(body, wrapping)) == material, "a wrapped key does not open")
        _ = try? KeyMessage.wrap(SecretBytes(Array(bytes.prefix(bytes.count % 64))), wrapping)
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        Fixed.made {
            var seeds: [[UInt8]] = []
            for version: UInt32 in [1, 2, .max] {
                for kind in [KeyKind.aes256GCM, .ed25519] {
                    let body = try KeyMessage.seal(
                        SecretBytes(Fixed.secret), gcm, nonce: AES.GCM.Nonce(),
                        associated: KeyMessage.associated(kind, version, name, []))
                    seeds.append(KeyMessage(kind: kind, version: version, body: body).bytes)
                }
            }
            let body = try KeyMessage.wrap(material, wrapping)
            seeds.append(KeyMessage(kind: .aes256KW, version: 1, body: body).bytes)
            seeds.append(KeyMessage(kind: .hmacSHA256, version: 1, body: Fixed.bytes(1)).bytes)
            return seeds
        }
    }
}

/// Whoever asks may do everything.
struct OpenPolicy: KeyPolicy {
    func decide(_ caller: AttestedCaller, _ key: KeyName, _ operation: KeyOperation) async -> KeyDecision {
        KeyDecision(isAllowed: true, check: "none", reason: "the fuzzer asks")
    }
}

/// A key management whose keys are the same in each process.
enum Keys {
    static let guest = KeyCaller.guest(AttestedCaller(manifest: Guests.manifest))

    static let store: KeyStore = Fixed.made {
        try wait {
            let sealed = try await SealedStore(MemoryBackend(), rootKey: FixedRootKey())
            let store = KeyStore(sealed, policy: OpenPolicy(), now: { Fixed.now })
            let administrator = KeyCaller.administrator(namespaces: nil)
            for (number, kind) in KeyKind.allCases.enumerated() {
                try await store.create(
                    try name(kind), KeyDescription(kind: kind),
                    from: .raw(SecretBytes(Fixed.bytes(UInt8(30 + number), kind.sizes.lowerBound))), by: administrator)
            }
            return store
        }
    }

    static func name(_ kind: KeyKind) throws -> KeyName { try KeyName(namespace: "n", name: kind.rawValue) }
}

/// Calls of guests to the key management: `{key, operation, body}`.
enum KeyRequestFormat: FormatFamily {
    static let shape = Shape.json
    static let sources =
        ["Sources/Tenant/KeyBroker/KeyManagement/KeyManagementCall.swift"]
        + ["KeyStore+Encryption", "KeyStore+Signing"].map { "Sources/Tenant/KeyManagement/\($0).swift" }

    static func prepare() { _ = Keys.store }

    private static let honest = Honest.parts { bytes in
        (try? JSONValue.parse(bytes))?["body"]?["ciphertext"]?.stringValue
    }

    static func run(_ bytes: [UInt8]) throws {
        let json = try JSONValue.parse(bytes)
        guard let kind = KeyKind(rawValue: json["key"]?.stringValue ?? ""),
            let operation = KeyOperation(rawValue: json["operation"]?.stringValue ?? "")
        else { return }
        let body = json["body"] ?? .object([:])
        let answer = try call(kind, operation, body)
        switch operation {
        case .encrypt, .wrap:
            let inverse: KeyOperation = operation == .wrap ? .unwrap : .decrypt
            let opened = try call(kind, inverse, with(["ciphertext": answer["ciphertext"]], body["associated"]))
            require(opened["plaintext"] == body["plaintext"], "what was sealed opens as something else")
        case .decrypt, .unwrap, .rewrap:
            guard let honest, let text = body["ciphertext"]?.stringValue else { return }
            require(honest.contains(text), "a message opens that nobody sealed")
        case .sign:
            let checked = try call(
                kind, .verify,
                [
                    "message": body["message"] ?? "", "signature": answer["signature"] ?? "", "version": 1,
                ])
            require(checked["valid"] == true, "a signature is not one")
        case .mac:
            let checked = try call(
                kind, .verifyMAC,
                [
                    "message": body["message"] ?? "", "mac": answer["mac"] ?? "", "version": 1,
                ])
            require(checked["valid"] == true, "a code is not one")
        case .derive: require(try call(kind, .derive, body) == answer, "a derived key is another the next time")
        case .export: require(false, "a key leaves that may not")
        case .verify, .verifyMAC, .publicKey: break
        }
    }

    private static func with(_ members: [String: JSONValue?], _ associated: JSONValue?) -> JSONValue {
        var known = members.compactMapValues(\.self)
        known["associated"] = associated
        return .object(known)
    }

    private static func call(_ kind: KeyKind, _ operation: KeyOperation, _ body: JSONValue) throws -> JSONValue {
        try wait {
            try await KeyManagementCall(
                keys: Keys.store, name: try Keys.name(kind), operation: operation, caller: Keys.guest
            ).answer(body.canonicalBytes)
        }
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let text = JSONValue.string(Base64.encode(Fixed.secret))
        let key = JSONValue.string(Base64.encode(Fixed.bytes(1)))
        return Fixed.made {
            func seed(_ kind: KeyKind, _ operation: KeyOperation, _ body: JSONValue) -> JSONValue {
                ["key": .string(kind.rawValue), "operation": .string(operation.rawValue), "body": body]
            }
            var seeds = [
                seed(.aes256GCM, .encrypt, ["plaintext": text, "associated": key]),
                seed(.aes256KW, .wrap, ["plaintext": key]),
                seed(.hkdfSHA256, .derive, ["context": text, "bytes": 32, "version": 1]),
                seed(.hkdfSHA384, .derive, ["context": "", "bytes": 64]), seed(.aes256GCM, .export, [:]),
            ]
            for associated: JSONValue? in [nil, key] {
                let sealed = try call(.aes256GCM, .encrypt, with(["plaintext": text], associated))
                let body = with(["ciphertext": sealed["ciphertext"]], associated)
                seeds += [seed(.aes256GCM, .decrypt, body), seed(.aes256GCM, .rewrap, body)]
            }
            let wrapped = with(["ciphertext": try call(.aes256KW, .wrap, ["plaintext": key])["ciphertext"]], nil)
            seeds += [seed(.aes256KW, .unwrap, wrapped), seed(.aes256KW, .rewrap, wrapped)]
            for kind in [KeyKind.ecdsaP256, .ecdsaP384, .ed25519] {
                let made = try call(kind, .sign, ["message": text])["signature"] ?? ""
                seeds += [
                    seed(kind, .sign, ["message": text]), seed(kind, .publicKey, ["version": 1]),
                    seed(kind, .publicKey, [:]),
                    seed(kind, .verify, ["message": text, "signature": made, "version": 1]),
                ]
            }
            for kind in [KeyKind.hmacSHA256, .hmacSHA384] {
                let made = try call(kind, .mac, ["message": text])["mac"] ?? ""
                seeds += [
                    seed(kind, .mac, ["message": text]),
                    seed(kind, .verifyMAC, ["message": text, "mac": made, "version": 1]),
                ]
            }
            return seeds.map(\.canonicalBytes)
        }
    }
}
