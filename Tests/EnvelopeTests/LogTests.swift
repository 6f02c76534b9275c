import Crypto
import Envelope
import Testing
import Unsealing

@Suite("Sealed logs")
struct LogTests {
    let tenant = P256.KeyAgreement.PrivateKey()
    let info = Array("digest, instance, epoch".utf8)

    func seal() throws -> LogSeal { try LogSeal(recipient: Array(tenant.publicKey.x963Representation), info: info) }

    @Test("records open in order and lengths are hidden")
    func order() throws {
        var seal = try seal()
        var opening = LogOpening(privateKey: tenant)
        let records = [[], [1], [UInt8](repeating: 2, count: 252), [UInt8](repeating: 3, count: 253)]
        var sizes: [Int] = []
        for (number, record) in records.enumerated() {
            let sealed = try seal.seal(record)
            #expect(sealed.sequence == UInt64(number))
            let opened = try opening.open(sealed.bytes)
            #expect(opened.bytes == record && opened.info == info && opened.missing == 0)
            #expect(opened.startsSeal == (number == 0))
            sizes.append(sealed.bytes.count)
        }
        #expect(sizes[0] == sizes[2] && sizes[3] == sizes[0] + 256)
    }

    @Test("gaps are told, replays and reordering refused, seals kept apart")
    func gaps() throws {
        var seal = try seal()
        var other = try self.seal()
        var opening = LogOpening(privateKey: tenant)
        let records = try (0..<5).map { try seal.seal([UInt8($0)]) }
        #expect(try opening.open(records[1].bytes).missing == 1)
        #expect(try opening.open(records[4].bytes).missing == 2)
        #expect(throws: EnvelopeError.self) { try opening.open(records[4].bytes) }
        #expect(throws: EnvelopeError.self) { try opening.open(records[2].bytes) }
        #expect(try opening.open(try other.seal([9]).bytes).startsSeal)
    }

    @Test("a change of any byte is refused, as is another key and every prefix")
    func tampered() throws {
        var seal = try seal()
        let record = try seal.seal(Array("line".utf8)).bytes
        for index in record.indices {
            var changed = record
            changed[index] ^= 1
            var opening = LogOpening(privateKey: tenant)
            #expect(throws: EnvelopeError.self, "\(index)") { try opening.open(changed) }
            #expect(throws: EnvelopeError.self) { try opening.open(Array(record.prefix(index))) }
        }
        var stranger = LogOpening(privateKey: P256.KeyAgreement.PrivateKey())
        #expect(throws: EnvelopeError.self) { try stranger.open(record) }
        #expect(throws: EnvelopeError.self) { try LogSeal(recipient: [4, 1], info: []) }
    }
}
