import Crypto
import Envelope
import Testing
import Unsealing

/// A node that keeps sealed records knows the key they are sealed to; it must not pass for a guest.
@Suite("Logs that evidence vouches for")
struct VouchedLogTests {
    let tenant = P256.KeyAgreement.PrivateKey()
    let manifest = Envelope.SHA256Digest(hashing: [1])

    private func seal(_ instance: String, manifest: Envelope.SHA256Digest? = nil) throws -> LogSeal {
        try LogSeal(
            recipient: Array(tenant.publicKey.x963Representation),
            info: LogInfo(manifest: manifest ?? self.manifest, instance: instance, epoch: 0).bytes)
    }

    private func voucher(_ seal: LogSeal, _ instance: String) -> LogVoucher {
        LogVoucher(instance: instance, manifest: manifest, logKey: seal.keyDigest)
    }

    private func isVerified(_ reading: VouchedLog.Reading, _ instance: String) -> Bool {
        if case .verified(_, instance) = reading { true } else { false }
    }

    @Test func `records of attested guests are theirs, whatever the node calls them`() throws {
        var (a, b) = (try seal("aa"), try seal("bb"))
        var log = VouchedLog(privateKey: tenant, vouchers: [voucher(a, "aa"), voucher(b, "bb")])
        #expect(isVerified(try log.read(try a.seal([1]).bytes, shownAs: "x"), "aa"))
        #expect(isVerified(try log.read(try b.seal([2]).bytes, shownAs: "y"), "bb"))
        #expect(isVerified(try log.read(try a.seal([3]).bytes, shownAs: "x"), "aa"))
    }

    @Test func `a record forged with the public key alone is refused in a guest's name and unverified in any other`()
        throws
    {
        var (genuine, forged, other) = (try seal("aa"), try seal("aa"), try seal("cc"))
        var log = VouchedLog(privateKey: tenant, vouchers: [voucher(genuine, "aa")])
        #expect(throws: EnvelopeError.self) { try log.read(try forged.seal([1]).bytes, shownAs: "x") }
        guard case .unverified = try log.read(try other.seal([1]).bytes, shownAs: "z") else {
            Issue.record("a record that nobody vouches for was believed")
            return
        }
        // The genuine key under another guest's info is another seal and does not open.
        let record = try genuine.seal([1]).bytes
        let moved = LogFormat.header(
            sequence: 0, info: LogInfo(manifest: manifest, instance: "cc", epoch: 0).bytes,
            encapsulated: genuine.encapsulated)
        #expect(throws: EnvelopeError.self) { try log.read(moved + record.suffix(272), shownAs: "x") }
        #expect(isVerified(try log.read(record, shownAs: "x"), "aa"))
    }

    @Test func `a genuine record of one instance shown as another's is refused`() throws {
        var (a, b) = (try seal("aa"), try seal("bb"))
        var log = VouchedLog(privateKey: tenant, vouchers: [voucher(a, "aa"), voucher(b, "bb")])
        _ = try log.read(try a.seal([1]).bytes, shownAs: "x")
        _ = try log.read(try b.seal([2]).bytes, shownAs: "y")
        #expect(throws: EnvelopeError.self) { try log.read(try a.seal([3]).bytes, shownAs: "y") }
        #expect(throws: EnvelopeError.self) { try log.read(try a.seal([4]).bytes, shownAs: "z") }
        let replayed = try b.seal([5]).bytes
        _ = try log.read(replayed, shownAs: "y")
        #expect(throws: EnvelopeError.self) { try log.read(replayed, shownAs: "y") }
    }

    @Test func `a record of another Service is not verified, and one with another manifest than its evidence refused`()
        throws
    {
        var (other, liar) = (try seal("dd"), try seal("aa", manifest: Envelope.SHA256Digest(hashing: [2])))
        var log = VouchedLog(privateKey: tenant, vouchers: [voucher(liar, "aa")])
        guard case .unverified = try log.read(try other.seal([1]).bytes, shownAs: "x") else {
            Issue.record("a record of another Service was believed")
            return
        }
        #expect(throws: EnvelopeError.self) { try log.read(try liar.seal([1]).bytes, shownAs: "y") }
    }

    @Test func `what is not sealed is plain`() throws {
        var log = VouchedLog(privateKey: tenant, vouchers: [])
        #expect(try log.read(Array("hello".utf8), shownAs: "x") == .plain(Array("hello".utf8)))
    }
}
