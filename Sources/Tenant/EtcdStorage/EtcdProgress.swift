import SealedStorage

/// A commit as a process knows it: its position in etcd and the store's revision.
///
/// Both come from etcd, and nothing of them was checked when they are used here: any numbers have to do.
struct EtcdProgress: Equatable, Sendable {
    /// The revision at which etcd changed the store's head; 0 before the first commit.
    var position: UInt64 = 0
    /// The store's revision; 0 when it is not known.
    var revision: UInt64 = 0

    /// How many records of the journal are asked for beside the head.
    private static let ahead: UInt64 = 6
    /// How many more are asked for before all entries are read instead.
    private static let furthest: UInt64 = 100

    /// A position that etcd told; it counts from 1, and what is less is none.
    static func position(_ revision: Int64) -> UInt64 { UInt64(max(revision, 0)) }

    /// What is known of the commit at `position`.
    func at(_ position: UInt64) -> EtcdProgress {
        EtcdProgress(position: position, revision: self.position == position ? revision : 0)
    }

    /// Takes note of a commit that is newer.
    mutating func note(_ other: EtcdProgress) {
        if other.position > position { self = other }
    }

    /// The revisions that the next few commits would have.
    var next: Range<UInt64> {
        guard revision > 0, revision < .max - Self.ahead else { return 0..<0 }
        return revision + 1..<revision + 1 + Self.ahead
    }

    /// The revisions from the end of ``next`` to that of a newer commit; none when they are too many.
    func gap(to newer: EtcdProgress) -> Range<UInt64> {
        guard !next.isEmpty, newer.revision < .max, newer.revision >= next.upperBound,
            newer.revision - revision <= Self.furthest
        else { return 0..<0 }
        return next.upperBound..<newer.revision + 1
    }

    /// What was written from this commit to a newer one; nil when the journal does not say, and everything is to be read.
    func names(_ records: [Etcdserverpb_KeyValue], to newer: EtcdProgress) -> [[UInt8]]? {
        guard revision > 0, newer.revision > revision else { return nil }
        var names: Set<[UInt8]> = []
        var reached = self
        for entry in records where reached.revision < newer.revision {
            guard let record = JournalRecord(entry.value), record.revision == reached.revision + 1,
                record.previous == reached.position
            else { return nil }
            names.formUnion(record.names)
            reached = EtcdProgress(position: Self.position(entry.modRevision), revision: record.revision)
        }
        return reached == newer ? Array(names) : nil
    }

    /// The position of a commit; nil when somebody else was first. A call is repeated when its answer was lost, and then the
    /// journal says whether an earlier one did the work.
    static func outcome(_ answer: Etcdserverpb_TxnResponse, _ journal: JournalRecord) throws(EtcdError) -> UInt64? {
        if answer.succeeded {
            return try EtcdBackend.position(answer.header.revision, within: answer.header.revision)
        }
        guard answer.responses.count == 2, let slot = answer.responses[1].responseRange.kvs.first,
            let record = JournalRecord(slot.value)
        else { return nil }
        if record.id == journal.id {
            return try EtcdBackend.position(slot.modRevision, within: answer.header.revision)
        }
        let (next, overflows) = journal.revision.addingReportingOverflow(EtcdLayout.journalSlots)
        guard overflows || record.revision < next else {
            throw .lost("others wrote so much since that it cannot be told whether this change is stored")
        }
        return nil
    }
}
