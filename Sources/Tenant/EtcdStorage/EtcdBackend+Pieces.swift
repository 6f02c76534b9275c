import Foundation
import SealedStorage

extension EtcdBackend {
    /// Writes the pieces of a blob; nothing refers to them before the commit does, which demands that all are there.
    func writePieces(of blob: [UInt8], _ reference: PieceReference) async throws(EtcdError) {
        for index in 0..<reference.count {
            let start = index * PieceReference.pieceLength
            var request = Etcdserverpb_PutRequest()
            request.key = layout.piece(reference.id, index)
            request.value = Data(blob[start..<min(start + PieceReference.pieceLength, blob.count)])
            try await client.put(request)
        }
    }

    /// Puts a blob together again; an empty one, which the store refuses, when pieces are not there.
    func assemble(_ reference: PieceReference, at revision: Int64) async throws(EtcdError) -> [UInt8] {
        var blob: [UInt8] = []
        blob.reserveCapacity(reference.length)
        var index = 0
        while index < reference.count {
            let start = layout.piece(reference.id, index)
            let end = EtcdLayout.end(layout.pieces(reference.id))
            let page = try await client.range(request(start, end, limit: 4, at: revision))
            guard !page.kvs.isEmpty else { return [] }
            for entry in page.kvs {
                guard index < reference.count, entry.key == layout.piece(reference.id, index) else { return [] }
                blob += entry.value
                index += 1
            }
        }
        guard blob.count == reference.length else { return [] }
        return blob
    }

    /// Removes pieces that no entry refers to: those of commits that never happened, and of entries that are gone.
    ///
    /// Pieces may belong to a commit that is under way, so they go only when this process saw them loose an hour before. Should a commit
    /// take longer, then it finds its pieces missing and writes them again.
    public func sweep() async throws(StoreFailure) {
        try await sweep(after: Self.pieceGrace)
    }

    func sweep(after grace: Duration) async throws(StoreFailure) {
        try await attempt("sweeping") { () throws(EtcdError) in
            try await remove(try await loosePieces(for: grace))
        }
    }

    /// Pieces that nothing referred to, and the commit as of which that was so.
    struct LoosePieces: Sendable {
        var ids: Set<[UInt8]>
        var progress: EtcdProgress
    }

    /// The pieces that this process has seen loose for a while.
    func loosePieces(for grace: Duration) async throws(EtcdError) -> LoosePieces {
        let answer = try await client.range(
            request(layout.pieces, EtcdLayout.end(layout.pieces), limit: 1, keysOnly: true))
        let revision = answer.header.revision
        var found: Set<[UInt8]> = []
        for key in try await pages(layout.pieces, EtcdLayout.end(layout.pieces), at: revision, keysOnly: true) {
            if let id = layout.id(key.key) { found.insert(id) }
        }
        var progress = EtcdProgress()
        let start = layout.entry([])
        for entry in try await pages(start, EtcdLayout.end(start), at: revision) {
            if layout.name(entry.key) == StoredName.head {
                progress = EtcdProgress(
                    position: try Self.position(entry.modRevision, within: revision),
                    revision: StoredMark(of: EtcdValue(entry.value).shown).version)
            }
            if case .pieces(let reference) = EtcdValue(entry.value) { found.remove(reference.id) }
        }
        let now = ContinuousClock.now
        let old = loose.withLock { known in
            known = Dictionary(uniqueKeysWithValues: found.map { ($0, known[$0] ?? now) })
            return known.filter { $0.value + grace <= now }.map(\.key)
        }
        return LoosePieces(ids: Set(old), progress: progress)
    }

    /// Removes loose pieces, except those that a commit took meanwhile: no commit comes between the look at the entries and the removal.
    func remove(_ loose: LoosePieces) async throws(EtcdError) {
        var loose = loose
        var losses = 0
        while !loose.ids.isEmpty {
            let batch = loose.ids.prefix(Self.operationsLimit)
            var transaction = Etcdserverpb_TxnRequest()
            transaction.compare = [unchanged(loose.progress.position)]
            transaction.success = batch.map { deletion(layout.pieces($0), isPrefix: true) }
            if try await client.transact(transaction).succeeded {
                loose.ids.subtract(batch)
                continue
            }
            losses += 1
            // In a store where others are first that often, the next sweep has its chance.
            guard losses < Self.sweepLosses else { return }
            let (newer, entries) = try await written(after: loose.progress)
            for entry in entries {
                if case .pieces(let reference) = EtcdValue(entry.value) { loose.ids.remove(reference.id) }
            }
            loose.progress = newer
        }
    }
}
