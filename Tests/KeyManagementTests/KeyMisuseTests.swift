import Envelope
import Foundation
import Testing
import WireFormat

@testable import KeyManagement

/// Runs `body` and answers how it failed; nothing when it did not.
func failure<R>(_ body: () async throws -> R) async -> KeyFailure? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? KeyFailure
    }
}

@Suite("Key management: misuse")
struct KeyMisuseTests {
    @Test func `a message opens with its key, version and associated data only, and whole`() async throws {
        let keys = try await KeyBench().keys()
        let (name, other) = (try KeyBench.name("one"), try KeyBench.name("two"))
        let raw = SecretBytes(random: 32)
        for name in [name, other] {
            // The same material under another name is another key.
            try await keys.create(name, KeyDescription(kind: .aes256GCM), from: .raw(raw), by: KeyBench.admin)
        }
        let secret = SecretBytes(Array("attack at dawn".utf8))
        let sealed = try await keys.encrypt(secret, with: name, associated: [1, 2], by: KeyBench.guest)
        #expect(try await keys.decrypt(sealed, with: name, associated: [1, 2], by: KeyBench.guest) == secret)
        #expect(
            try await keys.encrypt(secret, with: name, associated: [1, 2], by: KeyBench.guest) != sealed)
        for associated in [[], [1], [2, 1], [1, 2, 0]] as [[UInt8]] {
            let refusal = await failure {
                try await keys.decrypt(sealed, with: name, associated: associated, by: KeyBench.guest)
            }
            #expect(refusal?.kind == .refused)
        }
        let foreign = await failure {
            try await keys.decrypt(sealed, with: other, associated: [1, 2], by: KeyBench.guest)
        }
        #expect(foreign?.kind == .refused)
        for end in 0..<sealed.count {
            let refusal = await failure {
                try await keys.decrypt(Array(sealed[..<end]), with: name, associated: [1, 2], by: KeyBench.guest)
            }
            #expect(refusal?.kind == .malformed || refusal?.kind == .refused, "cut at \(end)")
            #expect(refusal?.field == "ciphertext")
        }
        for place in sealed.indices {
            var changed = sealed
            changed[place] ^= 1
            #expect(
                await failure {
                    try await keys.decrypt(changed, with: name, associated: [1, 2], by: KeyBench.guest)
                } != nil, "changed at \(place)")
        }
    }

    @Test func `a version number in front of another version's message opens nothing`() async throws {
        let keys = try await KeyBench().keys()
        for kind in [KeyKind.aes256GCM, .aes256KW] {
            let name = try KeyBench.name(kind.rawValue)
            try await keys.create(name, KeyDescription(kind: kind), by: KeyBench.admin)
            let secret = SecretBytes(random: 32)
            var sealed =
                kind == .aes256GCM
                ? try await keys.encrypt(secret, with: name, by: KeyBench.guest)
                : try await keys.wrap(secret, with: name, by: KeyBench.guest)
            try await keys.rotate(name, by: KeyBench.admin)
            sealed[6] = 2
            let refusal = await failure {
                kind == .aes256GCM
                    ? try await keys.decrypt(sealed, with: name, by: KeyBench.guest)
                    : try await keys.unwrap(sealed, with: name, by: KeyBench.guest)
            }
            #expect(refusal?.kind == .refused)
            sealed[6] = 3
            let missing = await failure {
                kind == .aes256GCM
                    ? try await keys.decrypt(sealed, with: name, by: KeyBench.guest)
                    : try await keys.unwrap(sealed, with: name, by: KeyBench.guest)
            }
            #expect(missing == KeyFailure(.notFound, "version", "\(name) has no version 3"))
        }
    }

    /// Every operation on every kind of key: those of other kinds are refused before a key is touched.
    @Test func `no kind does another kind's work`() async throws {
        let keys = try await KeyBench().keys()
        for kind in KeyKind.allCases {
            let name = try KeyBench.name(kind.rawValue)
            try await keys.create(name, KeyDescription(kind: kind), by: KeyBench.admin)
            for operation in KeyOperation.allCases {
                let refusal = await failure { try await use(keys, name, operation) }
                if kind.operations.contains(operation), operation != .export {
                    // A message of zeros is refused as such, everything else works.
                    #expect(refusal == nil || refusal?.kind == .malformed, "\(kind) \(operation)")
                } else {
                    #expect(refusal?.field == "operation", "\(kind) \(operation)")
                    #expect(refusal?.kind == .conflict, "\(kind) \(operation)")
                }
            }
        }
        // A header that names another kind.
        let name = try KeyBench.name(KeyKind.aes256GCM.rawValue)
        var sealed = try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest)
        sealed[2] = KeyKind.aes256KW.code
        let refusal = await failure { try await keys.decrypt(sealed, with: name, by: KeyBench.guest) }
        #expect(refusal?.kind == .malformed)
        #expect(refusal?.reason.contains("another kind") == true)
    }

    private func use(_ keys: KeyStore, _ name: KeyName, _ operation: KeyOperation) async throws {
        let caller = KeyBench.guest
        switch operation {
        case .encrypt: _ = try await keys.encrypt(SecretBytes([1]), with: name, by: caller)
        case .decrypt: _ = try await keys.decrypt([0], with: name, by: caller)
        case .rewrap: _ = try await keys.rewrap([0], with: name, by: caller)
        case .wrap: _ = try await keys.wrap(SecretBytes(random: 16), with: name, by: caller)
        case .unwrap: _ = try await keys.unwrap([0], with: name, by: caller)
        case .sign: _ = try await keys.sign([0], with: name, by: caller)
        case .verify: _ = try await keys.verify([0], of: [0], with: name, version: 1, by: caller)
        case .mac: _ = try await keys.mac([0], with: name, by: caller)
        case .verifyMAC: _ = try await keys.verifyMAC([0], of: [0], with: name, version: 1, by: caller)
        case .derive: _ = try await keys.derive([0], bytes: 32, with: name, by: caller)
        case .publicKey: _ = try await keys.publicKey(name, by: caller)
        case .export: _ = try await keys.export(name, by: caller)
        }
    }

    @Test func `inputs of more than 64 KiB are refused with their field, 64 KiB are not`() async throws {
        let keys = try await KeyBench().keys()
        let (gcm, hmac) = (try KeyBench.name("gcm"), try KeyBench.name("hmac"))
        try await keys.create(gcm, KeyDescription(kind: .aes256GCM), by: KeyBench.admin)
        try await keys.create(hmac, KeyDescription(kind: .hmacSHA256), by: KeyBench.admin)
        let most = [UInt8](repeating: 7, count: 64 << 10)
        let caller = KeyBench.guest
        let sealed = try await keys.encrypt(SecretBytes(most), with: gcm, associated: most, by: caller)
        #expect(try await keys.decrypt(sealed, with: gcm, associated: most, by: caller).copyBytes() == most)
        _ = try await keys.mac(most, with: hmac, by: caller)
        let over = most + [7]
        #expect(
            await failure { try await keys.encrypt(SecretBytes(over), with: gcm, by: caller) }?.field == "plaintext")
        #expect(
            await failure { try await keys.encrypt(SecretBytes(most), with: gcm, associated: over, by: caller) }?.field
                == "associated")
        #expect(await failure { try await keys.decrypt(sealed + [0], with: gcm, by: caller) }?.field == "ciphertext")
        #expect(await failure { try await keys.mac(over, with: hmac, by: caller) }?.field == "message")
    }

    @Test func `keys are imported only when they are keys of their kind`() async throws {
        let keys = try await KeyBench().keys()
        func refusal(_ kind: KeyKind, _ source: KeySource) async throws -> KeyFailure? {
            let name = try KeyBench.name("import")
            return await failure {
                try await keys.create(name, KeyDescription(kind: kind), from: source, by: KeyBench.admin)
            }
        }
        for kind in KeyKind.allCases {
            for size in [0, 16, 31, 33, 300] where !kind.sizes.contains(size) {
                let found = try await refusal(kind, .raw(SecretBytes(random: size)))
                #expect(found?.field == "material", "\(kind) \(size)")
            }
            let size = kind.sizes.lowerBound
            // Zeros, and for the curves a scalar beyond the order.
            #expect(try await refusal(kind, .raw(SecretBytes([UInt8](repeating: 0, count: size))))?.field == "material")
            guard kind == .ecdsaP256 || kind == .ecdsaP384 else { continue }
            let beyond = [UInt8](repeating: 255, count: size - 1) + [254]
            #expect(try await refusal(kind, .raw(SecretBytes(beyond)))?.field == "material")
        }
        let scalar = Base64.encodeURL([UInt8](repeating: 0, count: 31) + [1])
        let gx = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"
        let gy = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
        func elliptic(_ members: [String: JSONValue]) -> KeySource {
            .jwk(
                .object(
                    ["kty": "EC", "crv": "P-256", "d": .string(scalar), "x": .string(gx), "y": .string(gy)]
                        .merging(members) { $1 }))
        }
        let zeros = JSONValue.string(Base64.encodeURL([UInt8](repeating: 0, count: 32)))
        let expectations: [(KeySource, String)] = [
            // A point off the curve, the other half of the curve, the point at infinity, another key's point.
            (elliptic(["y": .string(gx)]), "jwk.x"), (elliptic(["x": zeros, "y": zeros]), "jwk.x"),
            (elliptic(["x": .string("")]), "jwk.x"), (elliptic(["alg": "ES384"]), "jwk.alg"),
            (elliptic(["alg": "none"]), "jwk.alg"), (elliptic(["use": "enc"]), "jwk.use"),
            (elliptic(["crv": "P-384"]), "jwk.crv"), (elliptic(["crv": "secp256k1"]), "jwk.crv"),
            (elliptic(["kty": "oct"]), "jwk.kty"), (elliptic(["d": .null]), "jwk.d"),
            (elliptic(["d": zeros]), "jwk"), (.jwk(.string("key")), "jwk"),
        ]
        for (source, field) in expectations { #expect(try await refusal(.ecdsaP256, source)?.field == field) }
        // Ed25519 with a public half of small order, or of another key.
        for x in [zeros, .string(Base64.encodeURL([1] + [UInt8](repeating: 0, count: 31)))] {
            let jwk = JSONValue.object(["kty": "OKP", "crv": "Ed25519", "d": .string(scalar), "x": x])
            #expect(try await refusal(.ed25519, .jwk(jwk))?.field == "jwk.x")
        }
        #expect(
            try await refusal(
                .aes256GCM,
                .jwk(.object(["kty": "oct", "alg": "A256KW", "k": .string(Base64.encodeURL(Array(0..<32)))])))?
                .field == "jwk.alg")
        // And the good one is taken.
        #expect(try await refusal(.ecdsaP256, elliptic(["alg": "ES256", "use": "sig"])) == nil)
    }

    @Test func `a wrapped key comes in and stays in`() async throws {
        let keys = try await KeyBench().keys()
        let (wrapping, name) = (try KeyBench.name("kek"), try KeyBench.name("inner"))
        try await keys.create(wrapping, KeyDescription(kind: .aes256KW), by: KeyBench.admin)
        let secret = SecretBytes(random: 32)
        let wrapped = try await keys.wrap(secret, with: wrapping, by: KeyBench.admin)
        let exportable = KeyDescription(kind: .hmacSHA256, isExportable: true)
        #expect(
            await failure {
                try await keys.create(name, exportable, from: .wrapped(wrapped, by: wrapping), by: KeyBench.admin)
            }?.field == "exportable")
        try await keys.create(
            name, KeyDescription(kind: .hmacSHA256), from: .wrapped(wrapped, by: wrapping), by: KeyBench.admin)
        let direct = try KeyBench.name("direct")
        try await keys.create(direct, KeyDescription(kind: .hmacSHA256), from: .raw(secret), by: KeyBench.admin)
        #expect(
            try await keys.mac([1], with: name, by: KeyBench.guest)
                == (try await keys.mac([1], with: direct, by: KeyBench.guest)))
        #expect(await failure { try await keys.export(name, by: KeyBench.guest) }?.field == "operation")
        let foreign = try KeyName(namespace: "shop", name: "inner")
        #expect(
            await failure {
                try await keys.create(
                    foreign, KeyDescription(kind: .hmacSHA256), from: .wrapped(wrapped, by: wrapping),
                    by: .administrator(namespaces: nil))
            }?.kind == .denied)
    }

    @Test func `only exportable keys leave, and say so from the beginning`() async throws {
        let keys = try await KeyBench().keys()
        let name = try KeyBench.name("leaves")
        let secret = SecretBytes(random: 32)
        try await keys.create(
            name, KeyDescription(kind: .aes256GCM, isExportable: true), from: .raw(secret), by: KeyBench.admin)
        #expect(try await keys.export(name, by: KeyBench.guest).value == secret)
        #expect(await failure { try await keys.export(name, by: KeyBench.admin) }?.kind == .denied)
        let other = try KeyBench.name("stays")
        let contradiction = KeyDescription(kind: .aes256GCM, operations: [.encrypt, .export])
        #expect(
            await failure { try await keys.create(other, contradiction, by: KeyBench.admin) }?.field == "operations")
    }

    @Test func `nothing about a key shows its material`() async throws {
        let bench = try KeyBench()
        let keys = try await bench.keys()
        let name = try KeyBench.name("quiet")
        let secret = SecretBytes(random: 32)
        let record = try await keys.create(
            name, KeyDescription(kind: .aes256GCM), from: .raw(secret), by: KeyBench.admin)
        let found = try await keys.find(name, .encrypt, .primary, by: KeyBench.guest)
        var shown = ""
        dump(record, to: &shown)
        dump(found, to: &shown)
        shown += "\(record) \(found) \(record.json(now: 0).canonicalText)"
        let bytes = secret.copyBytes()
        for form in [Hex.encode(bytes), Base64.encode(bytes), Base64.encodeURL(bytes), "\(bytes)"] {
            #expect(!shown.lowercased().contains(form.lowercased()))
        }
        #expect(shown.contains("quiet"))
        let plain = try await keys.store.read(KeyStore.material(name, 1))?.value
        #expect(plain == bytes)
        // And the database has none of it in clear.
        for file in ["store.sqlite", "store.sqlite-wal"] {
            let content = try Array(Data(contentsOf: URL(fileURLWithPath: "\(bench.folder)/\(file)")))
            #expect(!content.isEmpty)
            #expect(content.firstRange(of: bytes) == nil)
        }
    }
}
