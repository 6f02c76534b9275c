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
            let answer = try await client.range(
                request(layout.pieces, EtcdLayout.end(layout.pieces), limit: 1, keysOnly: true))
            let revision = answer.header.revision
            var found: Set<[UInt8]> = []
            for key in try await pages(layout.pieces, EtcdLayout.end(layout.pieces), at: revision, keysOnly: true) {
                if let id = layout.id(key.key) { found.insert(id) }
            }
            let start = layout.entry([])
            for entry in try await pages(start, EtcdLayout.end(start), at: revision) {
                if case .pieces(let reference) = EtcdValue(entry.value) { found.remove(reference.id) }
            }
            let now = ContinuousClock.now
            let old = loose.withLock { known in
                known = Dictionary(uniqueKeysWithValues: found.map { ($0, known[$0] ?? now) })
                return known.filter { $0.value + grace <= now }.map(\.key)
            }
            for id in old {
                var request = Etcdserverpb_DeleteRangeRequest()
                request.key = layout.pieces(id)
                request.rangeEnd = EtcdLayout.end(request.key)
                try await client.delete(request)
            }
        }
    }
}
