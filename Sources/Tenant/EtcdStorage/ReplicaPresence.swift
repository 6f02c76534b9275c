import Foundation
import SealedStorage
import WireFormat

/// That a replica of some name is alive, written beside the store so that a second one of the same name notices.
///
/// Nothing is written again and again: who finds the name taken puts a question beside it, which a living owner takes away
/// within ``period``; one that died does not. Whoever runs the cluster can forge this, as he can withhold all of the store.
///
///     PREFIX/l/NAME      who has the name, a random id
///     PREFIX/q/NAME      the question of who wants it
public final class ReplicaPresence: Sendable {
    /// How often the owner of a name looks for questions.
    public static let period: Duration = .seconds(1)
    /// How long a question waits for an answer.
    public static let patience: Duration = .seconds(5)

    private let client: EtcdClient
    private let owner: Data
    private let question: Data
    private let id = Data((0..<16).map { _ in UInt8.random(in: .min ... .max) })

    /// Prepares to take a name; the cluster is called by ``take()``.
    public init(_ configuration: EtcdConfiguration, name: String) throws(StoreFailure) {
        client = try EtcdClient(configuration)
        let hex = Hex.encode(Array(name.utf8))
        owner = Data("\(configuration.prefix)/l/\(hex)".utf8)
        question = Data("\(configuration.prefix)/q/\(hex)".utf8)
    }

    /// Takes the name; where another process has it or had it, after asking whether it is alive.
    ///
    /// - Returns: False when it is, and has it still.
    public func take() async throws(StoreFailure) -> Bool {
        guard let holder = try await value(owner) else { return try await put(after: nil) }
        try await calling { () throws(EtcdError) in
            var request = Etcdserverpb_PutRequest()
            request.key = question
            request.value = id
            try await client.put(request)
        }
        let end = ContinuousClock.now + Self.patience
        while ContinuousClock.now < end {
            do { try await Task.sleep(for: .milliseconds(250)) } catch { return false }
            guard try await value(question) == id, try await value(owner) == holder else { return false }
        }
        return try await put(after: holder)
    }

    /// Answers questions until the task is cancelled.
    ///
    /// - Returns: Before that, when another process has the name, since this one did not answer in time.
    public func keep() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.period)
            guard !Task.isCancelled else { return }
            // The cluster may be away for a while: that is the store's to say.
            guard let holder = try? await value(owner) else { continue }
            guard holder == id else { return }
            if let asked = try? await value(question), !asked.isEmpty { try? await remove(question) }
        }
    }

    /// Gives the name up, so that the next process need not ask.
    public func release() async {
        if (try? await value(owner)) == id { try? await remove(owner) }
        await close()
    }

    /// Ends its connections.
    public func close() async { client.shutdown() }

    private func value(_ key: Data) async throws(StoreFailure) -> Data? {
        try await calling { () throws(EtcdError) in
            var request = Etcdserverpb_RangeRequest()
            request.key = key
            return try await client.range(request).kvs.first?.value
        }
    }

    private func remove(_ key: Data) async throws(StoreFailure) {
        try await calling { () throws(EtcdError) in
            var request = Etcdserverpb_DeleteRangeRequest()
            request.key = key
            try await client.delete(request)
        }
    }

    /// Writes the name in place of what was there, and takes the question away; false when it changed meanwhile.
    private func put(after holder: Data?) async throws(StoreFailure) -> Bool {
        try await calling { () throws(EtcdError) in
            var compare = Etcdserverpb_Compare()
            compare.key = owner
            compare.result = .equal
            if let holder {
                compare.target = .value
                compare.value = holder
            } else {
                compare.target = .create
                compare.createRevision = 0
            }
            var (write, removal) = (Etcdserverpb_RequestOp(), Etcdserverpb_RequestOp())
            write.requestPut.key = owner
            write.requestPut.value = id
            removal.requestDeleteRange.key = question
            var transaction = Etcdserverpb_TxnRequest()
            transaction.compare = [compare]
            transaction.success = [write, removal]
            if try await client.transact(transaction).succeeded { return true }
            // A call whose answer was lost is made again, and finds its own work.
            var request = Etcdserverpb_RangeRequest()
            request.key = owner
            return try await client.range(request).kvs.first?.value == id
        }
    }

    private func calling<R: Sendable>(
        _ body: () async throws(EtcdError) -> R
    ) async throws(StoreFailure) -> R {
        do throws(EtcdError) { return try await body() } catch {
            switch error {
            case .refused(let failure): throw failure
            case .lost(let reason): throw StoreFailure(.unreachable, "the name of the replica: \(reason)")
            case .compacted: throw StoreFailure(.unreachable, "the name of the replica: compacted")
            }
        }
    }
}
