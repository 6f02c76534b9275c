import Envelope
import Foundation
import TestSupport
import Testing

@testable import RootKeys

/// What SoftHSM never does: hang, lose sessions, count logins.
@Suite(.enabled(if: FakeToken.isPossible, "no C compiler for the fake module"), .serialized)
struct FakeTokenTests {
    let fake: FakeToken
    let key = SecretBytes(random: 32)

    init() throws { fake = try FakeToken() }

    @Test func `a lost session is opened again once, with one login`() async throws {
        let root = try await PKCS11RootKey(fake.settings)
        let wrapped = try await root.wrap(key, context: [1])
        #expect(fake.logins == 1)
        try fake.set("lose")
        #expect(try await root.unwrap(wrapped, context: [1]) == key)
        #expect(fake.logins == 2)
        try fake.set("broken")
        #expect(await code { try await root.unwrap(wrapped, context: [1]) } == .refused)
        #expect(fake.logins == 3)
        fake.clear("broken")
        #expect(try await root.unwrap(wrapped, context: [1]) == key)
    }

    @Test func `a token that is pulled out is told, and works when it is back`() async throws {
        let root = try await PKCS11RootKey(fake.settings)
        let wrapped = try await root.wrap(key, context: [1])
        try fake.set("gone")
        for _ in 0..<3 { #expect(await code { try await root.unwrap(wrapped, context: [1]) } == .missing) }
        #expect(await code { try await root.wrap(key, context: [1]) } == .missing)
        fake.clear("gone")
        #expect(try await root.unwrap(wrapped, context: [1]) == key)
        #expect(fake.logins == 2)
    }

    @Test func `a token that hangs fails its callers in time, and works again afterwards`() async throws {
        let root = try await PKCS11RootKey(fake.settings)
        let wrapped = try await root.wrap(key, context: [1])
        try fake.set("hang")
        // More callers than the cooperative pool has threads: none of them holds one.
        await withTaskGroup { group in
            for _ in 0..<16 {
                group.addTask { #expect(await code { try await root.unwrap(wrapped, context: [1]) } == .timedOut) }
            }
        }
        fake.clear("hang")
        #expect(try await root.unwrap(wrapped, context: [1]) == key)
    }

    @Test func `a refused PIN reaches the token once, however often the broker starts`() async throws {
        try Data("wrong".utf8).write(to: URL(fileURLWithPath: fake.settings.pinFile))
        for _ in 0..<5 { #expect(await code { try await PKCS11RootKey(fake.settings) } == .credential) }
        #expect(fake.logins == 1)
        try Data("wrong too".utf8).write(to: URL(fileURLWithPath: fake.settings.pinFile))
        for _ in 0..<5 { #expect(await code { try await PKCS11RootKey(fake.settings) } == .credential) }
        #expect(fake.logins == 2)
        try Data("right".utf8).write(to: URL(fileURLWithPath: fake.settings.pinFile))
        _ = try await PKCS11RootKey(fake.settings)
        #expect(fake.logins == 3)
    }

    @Test func `a PIN that was changed for a wrong one while the broker runs is tried once`() async throws {
        let root = try await PKCS11RootKey(fake.settings)
        try Data("wrong".utf8).write(to: URL(fileURLWithPath: fake.settings.pinFile))
        try fake.set("lose")
        for _ in 0..<5 { #expect(await code { try await root.wrap(key, context: [1]) } == .credential) }
        #expect(fake.logins == 2)
    }

    @Test func `the last try before the token locks is not the broker's`() async throws {
        try fake.set("final")
        let refusal = try #require(await failed { try await PKCS11RootKey(fake.settings) })
        #expect(refusal.code == .credential && refusal.reason.contains("lock"))
        #expect(fake.logins == 0)
    }

    @Test func `a key that was exchanged behind a lost session is refused`() async throws {
        let root = try await PKCS11RootKey(fake.settings)
        try fake.set("other")
        try fake.set("lose")
        #expect(await code { try await root.wrap(key, context: [1]) } == .otherKey)
        // Nothing is sealed to the other key afterwards either.
        #expect(await code { try await root.wrap(key, context: [1]) } == .otherKey)
    }
}
