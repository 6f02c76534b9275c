import AgentProtocol
import Crypto
import Envelope
import Glibc
import Synchronization
import Testing
import WireFormat

@testable import AttestedChannel
@testable import GuestAgent

/// No key that lasts is made before the broker's nonce was stirred in (rule R16).
@Suite("Randomness")
struct EntropyTests {
    struct NoPool: Error {}

    private func evidence(_ keys: GuestKeys) throws -> GuestEvidence {
        var latch = Latch(machine: .confidential)
        let pod = try latch.set(try LatchTests.document(class: "testudo-cvm"))
        let instance = [UInt8](repeating: 9, count: 16)
        let log = LogStream(try LogForm(for: pod, instance: instance), outbox: EventOutbox(), clock: AgentClock())
        let port = ReportDeviceTests.FakePort(hostData: pod.digest.bytes)
        return GuestEvidence(
            device: ReportDevice(testing: port), pod: pod, instance: instance, keys: keys, log: log)
    }

    @Test("the keys for TLS, secrets and log are made after the broker's nonce was mixed in")
    func order() async throws {
        let order = Mutex<[String]>([])
        let keys = GuestKeys { bytes in order.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } }
        let source = try evidence(keys)
        // What the endpoint of a broker would take: nothing is there before its nonce is.
        await #expect(throws: EvidenceFailure.self) {
            try await source.collect(HandshakeInputs(teePublicKey: ["kty": "EC"], nonce: "n"))
        }
        #expect(!source.log.hasSeal)
        _ = try await keys.make(after: "nonce") {
            order.withLock { $0.append(keys.made == nil ? "no TLS key" : "TLS key") }
        }
        #expect(order.withLock { $0 } == ["nonce", "TLS key"])
        let first = try await source.handshakeKey(after: "second")
        let second = try await source.handshakeKey(after: "third")
        #expect(order.withLock { $0 } == ["nonce", "TLS key", "second", "third"])
        #expect(first.rawRepresentation != second.rawRepresentation)
        #expect(source.log.hasSeal)
    }

    @Test("without the nonce in the pool there is no key")
    func failure() async throws {
        let keys = GuestKeys { _ in throw NoPool() }
        let source = try evidence(keys)
        await #expect(throws: NoPool.self) { try await source.handshakeKey(after: "nonce") }
        #expect(keys.made == nil)
        #expect(!source.log.hasSeal)
    }

    /// The kernel's name for this thread.
    private static func thread() throws -> String {
        var name = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/thread-self", &name, name.count)
        try #require(count > 0)
        return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test("keys are made on a thread that has made none")
    func thread() async throws {
        var seen: Set<String> = [try Self.thread()]
        for _ in 0..<3 {
            #expect(seen.insert(try await Entropy.onFreshThread { try Self.thread() }).inserted)
        }
    }

    @Test("the TLS key stays, and evidence names it and the log's seal")
    func evidence() async throws {
        let keys = GuestKeys { _ in }
        let source = try evidence(keys)
        _ = try await source.handshakeKey(after: "one")
        let key = try #require(keys.made)
        _ = try await source.handshakeKey(after: "two")
        #expect(keys.made?.rawRepresentation == key.rawRepresentation)
        let digest = try #require(try source.log.sealedKeyDigest())
        let collected = try await source.collect(HandshakeInputs(teePublicKey: ["kty": "EC"], nonce: "two"))
        let bound = try JSONValue.parse(text: collected.additional)["testudo"]
        #expect(bound?["logKey"]?.stringValue == digest.hex)
        #expect(bound?["tlsKey"]?.stringValue == CertificateRequest.keyDigest(key.publicKey).hex)
    }
}
