import Envelope
import Testing
import WireFormat

@testable import KeyManagement

@Suite("Key management: who may do what")
struct KeyAccessTests {
    private let manifest = String(repeating: "b", count: 64)

    private func granting(_ grants: [String]) throws -> GrantPolicy {
        let found = Set(try grants.map { try KeyGrant(parsing: $0, namespace: "bank") })
        let manifest = self.manifest
        return GrantPolicy { $0 == manifest ? found : nil }
    }

    @Test func `a guest does what its manifest is registered for, and no more`() async throws {
        let keys = try await KeyBench().keys(policy: try granting(["kms:disk:decrypt", "kms:log:encrypt"]))
        for name in ["disk", "log"] {
            try await keys.create(try KeyBench.name(name), KeyDescription(kind: .aes256GCM), by: KeyBench.admin)
        }
        let (disk, log) = (try KeyBench.name("disk"), try KeyBench.name("log"))
        let guest = KeyCaller.guest(AttestedCaller(manifest: manifest))
        let sealed = try await keys.encrypt(SecretBytes([1]), with: disk, by: KeyBench.admin)
        #expect(try await keys.decrypt(sealed, with: disk, by: guest).copyBytes() == [1])
        let refusals = [
            await failure { try await keys.encrypt(SecretBytes([1]), with: disk, by: guest) },
            await failure { try await keys.rewrap(sealed, with: disk, by: guest) },
            await failure { try await keys.decrypt(sealed, with: log, by: guest) },
        ]
        for refusal in refusals { #expect(refusal?.field == "key-not-registered") }
        let stranger = KeyCaller.guest(AttestedCaller(manifest: String(repeating: "c", count: 64)))
        let unknown = await failure { try await keys.decrypt(sealed, with: disk, by: stranger) }
        #expect(unknown?.field == "manifest-unregistered")
        // Who may not use a key does not learn whether there is one.
        let nothing = try KeyBench.name("nothing")
        #expect(await failure { try await keys.decrypt(sealed, with: nothing, by: stranger) } == unknown)
        // The same name in another namespace is another key.
        let foreign = try KeyName(namespace: "shop", name: "disk")
        #expect(await failure { try await keys.decrypt(sealed, with: foreign, by: guest) }?.kind == .denied)
    }

    @Test func `guests manage nothing, administrators see no plaintext and stay in their namespace`() async throws {
        let keys = try await KeyBench().keys()
        let name = try KeyBench.name("key")
        let guest = KeyBench.guest
        let description = KeyDescription(kind: .aes256GCM)
        #expect(await failure { try await keys.create(name, description, by: guest) }?.kind == .denied)
        try await keys.create(name, description, by: KeyBench.admin)
        let sealed = try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.admin)
        let refusals = [
            await failure { try await keys.rotate(name, by: guest) },
            await failure { try await keys.destroy(name, version: 1, includingNewest: true, by: guest) },
            await failure { try await keys.deactivate(name, version: 1, by: guest) },
            await failure { try await keys.describe(name, by: guest) },
            await failure { try await keys.list("bank", by: guest) },
            await failure { try await keys.decrypt(sealed, with: name, by: KeyBench.admin) },
            await failure { try await keys.rotate(name, by: .administrator(namespaces: ["shop"])) },
            await failure { try await keys.rotate(name, by: .administrator(namespaces: [])) },
            await failure { try await keys.rotate(name, by: .broker) },
        ]
        for refusal in refusals { #expect(refusal?.kind == .denied) }
        for kind in [KeyKind.ecdsaP256, .hmacSHA256, .hkdfSHA256, .aes256KW] {
            let name = try KeyBench.name(kind.rawValue)
            try await keys.create(name, KeyDescription(kind: kind), by: KeyBench.admin)
            let refusal = await failure {
                switch kind {
                case .ecdsaP256: _ = try await keys.sign([1], with: name, by: KeyBench.admin)
                case .hmacSHA256: _ = try await keys.mac([1], with: name, by: KeyBench.admin)
                case .hkdfSHA256: _ = try await keys.derive([1], bytes: 32, with: name, by: KeyBench.admin)
                default: _ = try await keys.unwrap([1], with: name, by: KeyBench.admin)
                }
            }
            #expect(refusal?.kind == .denied, "\(kind)")
        }
    }

    @Test func `nobody signs with the broker's own keys, and the broker with nobody's`() async throws {
        let keys = try await KeyBench().keys()
        let (own, theirs) = (try KeyBench.name("ca"), try KeyBench.name("theirs"))
        try await keys.create(own, KeyDescription(kind: .ecdsaP256), by: .broker)
        try await keys.create(theirs, KeyDescription(kind: .ecdsaP256), by: KeyBench.admin)
        _ = try await keys.sign([1], with: own, by: .broker)
        #expect(await failure { try await keys.sign([1], with: own, by: KeyBench.guest) }?.kind == .denied)
        #expect(await failure { try await keys.sign([1], with: theirs, by: .broker) }?.kind == .denied)
        #expect(
            await failure { try await keys.destroy(own, version: 1, includingNewest: true, by: KeyBench.admin) }?.kind
                == .denied)
    }

    @Test func `names and grants are read strictly`() throws {
        for text in ["", ".", ".a", "a b", "a/b", "ä", "a\u{0}", "*", String(repeating: "a", count: 129)] {
            #expect(throws: WireError.self) { try KeyName(namespace: "bank", name: text) }
            #expect(throws: WireError.self) { try KeyName(namespace: text, name: "key") }
        }
        _ = try KeyName(namespace: "_-1", name: String(repeating: "a", count: 128))
        for text in ["", "kms", "kms:a", "kms:a:", "kms:*:sign", "kms:a:*", "kms:a:sign:b", "kbs:a:sign", "kms:a:Sign"]
        {
            #expect(throws: WireError.self) { try KeyGrant(parsing: text, namespace: "bank") }
        }
        #expect(try KeyGrant(parsing: "kms:a:verify-mac", namespace: "bank").operation == .verifyMAC)
    }
}
