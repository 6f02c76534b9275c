import Foundation
import Testing

@testable import EtcdStorage
@testable import SealedStorage

/// What etcd says of commits is believed by nobody, so it may be any number.
@Suite("Progress of commits in etcd")
struct EtcdProgressTests {
    private func entry(_ record: JournalRecord, at revision: Int64) -> Etcdserverpb_KeyValue {
        var entry = Etcdserverpb_KeyValue()
        entry.value = record.bytes
        entry.modRevision = revision
        return entry
    }

    private func record(_ revision: UInt64, after position: UInt64, _ names: [[UInt8]]) -> JournalRecord {
        var head = [UInt8](repeating: 0, count: 60)
        withUnsafeBytes(of: revision.bigEndian) { head.replaceSubrange(5..<13, with: $0) }
        // The tag, which no two commits share.
        head[59] = UInt8(names.count)
        return JournalRecord(head: head, previous: position, names: names)
    }

    @Test func `the journal tells the names between two commits, or nothing`() {
        let known = EtcdProgress(position: 10, revision: 4)
        let newer = EtcdProgress(position: 30, revision: 6)
        let records = [entry(record(5, after: 10, [[1]]), at: 20), entry(record(6, after: 20, [[2]]), at: 30)]
        #expect(known.next == 5..<11 && known.gap(to: newer).isEmpty)
        #expect(known.gap(to: EtcdProgress(position: 99, revision: 20)) == 11..<21)
        #expect(known.gap(to: EtcdProgress(position: 99, revision: 105)).isEmpty)
        #expect(known.names(records, to: newer).map { Set($0) } == [[1], [2]])
        #expect(known.names(records.reversed(), to: newer) == nil)
        #expect(known.names(records, to: EtcdProgress(position: 31, revision: 6)) == nil)
        #expect(known.at(11).names(records, to: newer) == nil)
        var seen = known
        seen.note(EtcdProgress(position: 9, revision: 90))
        #expect(seen == known)
        seen.note(newer)
        #expect(seen == newer)
    }

    private static let highest: [UInt64] = [.max, .max - 1, .max - 6, .max - 7, 1 << 63, 1]

    @Test(arguments: highest)
    func `no revision of a head is too high`(revision: UInt64) {
        let known = EtcdProgress(position: 1, revision: revision)
        #expect(known.next.count == 6 || known.next.isEmpty)
        for newer: UInt64 in [.max, .max - 1, revision, 0] {
            let progress = EtcdProgress(position: 2, revision: newer)
            #expect(known.gap(to: progress).count <= 100)
            #expect(known.names([entry(record(newer, after: 1, []), at: .min)], to: progress) == nil)
        }
    }

    @Test(arguments: [Int64.min, -1, 0]) func `a revision of etcd below its first one is no commit's`(revision: Int64)
        throws
    {
        #expect(EtcdProgress.position(revision) == 0)
        let journal = record(.max, after: 1, [[1]])
        var answer = Etcdserverpb_TxnResponse()
        answer.header.revision = revision
        answer.responses = [Etcdserverpb_ResponseOp(), Etcdserverpb_ResponseOp()]
        answer.responses[1].responseRange.kvs = [entry(journal, at: revision)]
        #expect(throws: EtcdError.self) { try EtcdProgress.outcome(answer, journal) }
        #expect(throws: EtcdError.self) { try EtcdProgress.outcome(answer, record(7, after: 1, [])) }
        #expect(throws: Never.self) { try EtcdProgress.outcome(answer, record(.max, after: 1, [])) }
        answer.succeeded = true
        #expect(throws: EtcdError.self) { try EtcdProgress.outcome(answer, journal) }
    }
}
