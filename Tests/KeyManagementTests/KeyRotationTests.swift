import Envelope
import Foundation
import Testing
import WireFormat

@testable import KeyManagement
@testable import SealedStorage

@Suite("Key management: rotation and destruction")
struct KeyRotationTests {
    @Test func `an older version opens until its overlap ends, then only an administrator moves what it made`()
        async throws
    {
        let bench = try KeyBench()
        let keys = try await bench.keys()
        let name = try KeyBench.name("disk")
        let (admin, guest) = (KeyBench.admin, KeyBench.guest)
        try await keys.create(name, KeyDescription(kind: .aes256GCM, overlap: 3600), by: admin)
        let secret = SecretBytes(random: 32)
        let old = try await keys.encrypt(secret, with: name, associated: [9], by: guest)
        try await keys.rotate(name, by: admin)
        let new = try await keys.encrypt(secret, with: name, associated: [9], by: guest)
        #expect(old[6] == 1 && new[6] == 2)
        bench.clock.pass(3599)
        #expect(try await keys.decrypt(old, with: name, associated: [9], by: guest) == secret)
        bench.clock.pass(1)
        let refusal = await failure { try await keys.decrypt(old, with: name, associated: [9], by: guest) }
        #expect(refusal?.field == "version")
        #expect(refusal?.reason.contains("out of use") == true)
        #expect(await failure { try await keys.rewrap(old, with: name, associated: [9], by: guest) } != nil)
        let moved = try await keys.rewrap(old, with: name, associated: [9], by: admin)
        #expect(moved[6] == 2)
        #expect(try await keys.decrypt(moved, with: name, associated: [9], by: guest) == secret)
        #expect(try await keys.rewrap(moved, with: name, associated: [9], by: guest) == moved)
        #expect(
            await failure { try await keys.rewrap(old, with: name, associated: [8], by: admin) }?.kind == .refused)
        let record = try await keys.describe(name, by: admin)
        #expect(record.versions.map { $0.state(at: bench.clock.now) } == [.deactivated, .active])
    }

    @Test func `signatures and codes of an older version are checked during the overlap`() async throws {
        let bench = try KeyBench()
        let keys = try await bench.keys()
        let guest = KeyBench.guest
        let (sign, mac) = (try KeyBench.name("sign"), try KeyBench.name("mac"))
        try await keys.create(sign, KeyDescription(kind: .ed25519, overlap: 60), by: KeyBench.admin)
        try await keys.create(mac, KeyDescription(kind: .hmacSHA384, overlap: 60), by: KeyBench.admin)
        let signature = try await keys.sign([1], with: sign, by: guest)
        let code = try await keys.mac([1], with: mac, by: guest)
        for name in [sign, mac] { try await keys.rotate(name, by: KeyBench.admin) }
        #expect(try await keys.sign([1], with: sign, by: guest).version == 2)
        #expect(try await keys.verify(signature.value, of: [1], with: sign, version: 1, by: guest))
        #expect(try await keys.verify(signature.value, of: [1], with: sign, version: 2, by: guest) == false)
        #expect(try await keys.verifyMAC(code.value, of: [1], with: mac, version: 1, by: guest))
        #expect(try await keys.verifyMAC(code.value, of: [1], with: mac, version: 2, by: guest) == false)
        bench.clock.pass(60)
        #expect(
            await failure { try await keys.verify(signature.value, of: [1], with: sign, version: 1, by: guest) } != nil)
        #expect(
            await failure { try await keys.verifyMAC(code.value, of: [1], with: mac, version: 1, by: guest) } != nil)
    }

    @Test func `a version that waits comes into use at its second`() async throws {
        let bench = try KeyBench()
        let keys = try await bench.keys()
        let name = try KeyBench.name("later")
        try await keys.create(name, KeyDescription(kind: .aes256GCM, overlap: 10), by: KeyBench.admin)
        try await keys.rotate(name, activates: bench.clock.now + 100, by: KeyBench.admin)
        let before = try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest)
        #expect(before[6] == 1)
        #expect(await failure { try await keys.rotate(name, by: KeyBench.admin) }?.field == "versions")
        bench.clock.pass(100)
        #expect(try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest)[6] == 2)
        #expect(try await keys.decrypt(before, with: name, by: KeyBench.guest).copyBytes() == [1])
        bench.clock.pass(10)
        #expect(await failure { try await keys.decrypt(before, with: name, by: KeyBench.guest) } != nil)
    }

    @Test func `after its end a version makes nothing new, and a stopped newest is replaced by no older one`()
        async throws
    {
        let bench = try KeyBench()
        let keys = try await bench.keys()
        let name = try KeyBench.name("ends")
        let end = bench.clock.now + 50
        try await keys.create(name, KeyDescription(kind: .aes256GCM, notAfter: end), by: KeyBench.admin)
        let sealed = try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest)
        bench.clock.pass(50)
        #expect(
            await failure { try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest) }?.reason.contains(
                "past its end") == true)
        #expect(try await keys.decrypt(sealed, with: name, by: KeyBench.guest).copyBytes() == [1])
        try await keys.rotate(name, by: KeyBench.admin)
        try await keys.deactivate(name, version: 2, by: KeyBench.admin)
        #expect(
            await failure { try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest) }?.field
                == "version")
        #expect(try await keys.decrypt(sealed, with: name, by: KeyBench.guest).copyBytes() == [1])
    }

    @Test func `destruction removes the material and leaves a tombstone, for every replica`() async throws {
        let bench = try KeyBench()
        let (one, two) = (try await bench.keys(), try await bench.keys())
        let name = try KeyBench.name("gone")
        try await one.create(name, KeyDescription(kind: .aes256GCM), by: KeyBench.admin)
        let sealed = try await two.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest)
        #expect(await failure { try await one.destroy(name, version: 1, by: KeyBench.admin) }?.kind == .conflict)
        try await one.rotate(name, by: KeyBench.admin)
        try await one.destroy(name, version: 1, by: KeyBench.admin)
        for keys in [one, two] {
            #expect(
                await failure { try await keys.decrypt(sealed, with: name, by: KeyBench.guest) }?.reason
                    == "version 1 was destroyed")
            #expect(await failure { try await keys.rewrap(sealed, with: name, by: KeyBench.admin) } != nil)
            #expect(await failure { try await keys.destroy(name, version: 1, by: KeyBench.admin) } != nil)
            #expect(try await keys.store.read(KeyStore.material(name, 1)) == nil)
            #expect(try await keys.store.read(KeyStore.uses(name, 1)) == nil)
            #expect(try await keys.store.read(KeyStore.material(name, 2)) != nil)
        }
        try await one.destroy(name, version: 2, includingNewest: true, by: KeyBench.admin)
        #expect(
            await failure { try await two.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest) }?.field
                == "version")
        // The name is never another key's.
        let again = await failure { try await one.create(name, KeyDescription(kind: .aes256GCM), by: KeyBench.admin) }
        #expect(again?.kind == .conflict)
        let record = try await two.describe(name, by: KeyBench.admin)
        #expect(record.versions.map(\.state) == [.destroyed, .destroyed])
        try await two.rotate(name, by: KeyBench.admin)
        #expect(try await one.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest)[6] == 3)
    }

    @Test func `a version encrypts only as often as random nonces allow, all replicas and restarts together`()
        async throws
    {
        let bench = try KeyBench()
        let name = try KeyBench.name("counted")
        let clock = bench.clock
        func keys() async throws -> KeyStore {
            KeyStore(try await bench.store(), policy: AllowAll(), now: clock.read, usesLimit: 25, usesBlock: 10)
        }
        let (one, two) = (try await keys(), try await keys())
        try await one.create(name, KeyDescription(kind: .aes256GCM), by: KeyBench.admin)
        func count(_ keys: KeyStore) async -> Int {
            var made = 0
            while await failure({ try await keys.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest) }) == nil {
                made += 1
                if made > 100 { break }
            }
            return made
        }
        _ = try await one.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest)
        #expect(await count(two) == 15)
        #expect(await count(one) == 9)
        #expect(await count(try await keys()) == 0)
        let refusal = await failure { try await one.encrypt(SecretBytes([1]), with: name, by: KeyBench.guest) }
        #expect(refusal?.kind == .refused)
        #expect(refusal?.reason.contains("rotate it") == true)
        try await one.rotate(name, by: KeyBench.admin)
        #expect(await count(two) == 25)
        #expect(KeyStore.encryptionsLimit == 1 << 32)
    }

    /// Readers never see a failure while versions come, on two replicas of the store.
    @Test func `rotation under load fails no read`() async throws {
        let bench = try KeyBench()
        let (one, two) = (try await bench.keys(), try await bench.keys())
        let kinds: [KeyKind] = [.aes256GCM, .aes256KW, .ecdsaP256, .hmacSHA256]
        for kind in kinds {
            try await one.create(try KeyBench.name(kind.rawValue), KeyDescription(kind: kind), by: KeyBench.admin)
        }
        let failures = try await withThrowingTaskGroup(of: (reads: Int, failures: [String]).self) { group in
            for reader in 0..<8 {
                let keys = reader % 2 == 0 ? one : two
                let kind = kinds[reader / 2]
                group.addTask {
                    let name = try KeyBench.name(kind.rawValue)
                    var failures: [String] = []
                    var reads = 0
                    while try await keys.describe(name, by: KeyBench.admin).versions.count < 12 {
                        reads += 1
                        // Reads of SQLite do not wait: eight readers would leave no thread to who rotates.
                        await Task.yield()
                        do {
                            guard try await Self.roundTrip(keys, name, kind) else {
                                failures.append("\(kind): wrong answer")
                                continue
                            }
                        } catch {
                            failures.append("\(kind): \(error)")
                        }
                    }
                    return (reads, failures)
                }
            }
            for _ in 1..<12 {
                for kind in kinds { try await one.rotate(try KeyBench.name(kind.rawValue), by: KeyBench.admin) }
            }
            return try await group.reduce(into: (reads: 0, failures: [String]())) {
                $0.reads += $1.reads
                $0.failures += $1.failures
            }
        }
        #expect(failures.failures == [])
        #expect(failures.reads > 0)
        print(
            "rotation under load: \(failures.reads) round trips during 44 rotations, \(failures.failures.count) failed")
    }

    private static func roundTrip(_ keys: KeyStore, _ name: KeyName, _ kind: KeyKind) async throws -> Bool {
        let secret = SecretBytes(random: 32)
        let caller = KeyBench.guest
        switch kind {
        case .aes256GCM:
            let sealed = try await keys.encrypt(secret, with: name, by: caller)
            let moved = try await keys.rewrap(sealed, with: name, by: caller)
            return try await keys.decrypt(moved, with: name, by: caller) == secret
        case .aes256KW:
            let wrapped = try await keys.wrap(secret, with: name, by: caller)
            return try await keys.unwrap(wrapped, with: name, by: caller) == secret
        case .ecdsaP256:
            let made = try await keys.sign([1], with: name, by: caller)
            return try await keys.verify(made.value, of: [1], with: name, version: made.version, by: caller)
        default:
            let made = try await keys.mac([1], with: name, by: caller)
            return try await keys.verifyMAC(made.value, of: [1], with: name, version: made.version, by: caller)
        }
    }
}
