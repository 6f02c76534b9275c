import Foundation
import SealedStorage

extension EtcdBackend {
    /// Asks for a key or a range; a revision of 0 is the newest.
    func request(
        _ key: Data, _ end: Data? = nil, limit: Int64 = 0, at revision: Int64 = 0, keysOnly: Bool = false
    ) -> Etcdserverpb_RangeRequest {
        var request = Etcdserverpb_RangeRequest()
        request.key = key
        request.rangeEnd = end ?? Data()
        request.limit = limit
        request.revision = revision
        request.keysOnly = keysOnly
        return request
    }

    func write(_ key: Data, _ value: Data) -> Etcdserverpb_RequestOp {
        var operation = Etcdserverpb_RequestOp()
        operation.requestPut.key = key
        operation.requestPut.value = value
        return operation
    }

    func deletion(_ key: Data, isPrefix: Bool = false) -> Etcdserverpb_RequestOp {
        var operation = Etcdserverpb_RequestOp()
        operation.requestDeleteRange.key = key
        if isPrefix { operation.requestDeleteRange.rangeEnd = EtcdLayout.end(key) }
        return operation
    }

    /// Holds where the commit at `position` is the newest; at 0 where there is no entry at all.
    func unchanged(_ position: UInt64) -> Etcdserverpb_Compare {
        var compare = Etcdserverpb_Compare()
        compare.result = .equal
        if position > 0 {
            compare.key = layout.entry(StoredName.head)
            compare.target = .mod
            compare.modRevision = Int64(clamping: position)
        } else {
            compare.key = layout.entry([])
            compare.rangeEnd = EtcdLayout.end(compare.key)
            compare.target = .create
            compare.createRevision = 0
        }
        return compare
    }

    func exists(_ key: Data) -> Etcdserverpb_Compare {
        var compare = Etcdserverpb_Compare()
        compare.result = .greater
        compare.target = .version
        compare.key = key
        compare.version = 0
        return compare
    }

    /// The entries of those names, all at one revision, which is answered too.
    func entries(
        _ names: [[UInt8]], at revision: Int64
    ) async throws(EtcdError) -> (found: [Etcdserverpb_KeyValue], revision: Int64) {
        var found: [Etcdserverpb_KeyValue] = []
        var pinned = revision
        for start in stride(from: 0, to: names.count, by: 100) {
            var transaction = Etcdserverpb_TxnRequest()
            transaction.success = names[start..<min(start + 100, names.count)].map { name in
                var operation = Etcdserverpb_RequestOp()
                operation.requestRange = request(layout.entry(name), at: pinned)
                return operation
            }
            let answer = try await client.transact(transaction)
            if pinned == 0 { pinned = answer.header.revision }
            for response in answer.responses { found += response.responseRange.kvs }
        }
        return (found, pinned)
    }

    /// A range as of one revision, page by page.
    func pages(
        _ start: Data, _ end: Data, at revision: Int64, keysOnly: Bool = false
    ) async throws(EtcdError) -> [Etcdserverpb_KeyValue] {
        var found: [Etcdserverpb_KeyValue] = []
        var start = start
        while true {
            let limit = keysOnly ? 8192 : Self.pageLimit
            let page = try await client.range(request(start, end, limit: limit, at: revision, keysOnly: keysOnly))
            found += page.kvs
            guard page.more, let last = page.kvs.last else { return found }
            // Pages that do not come further would never end.
            guard !last.key.lexicographicallyPrecedes(start) else {
                throw .refused(StoreFailure(.tampered, "etcd answers with entries that were not asked for"))
            }
            start = last.key + [0]
        }
    }
}
