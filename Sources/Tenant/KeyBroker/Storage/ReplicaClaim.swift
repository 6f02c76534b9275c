import EtcdStorage
import Foundation
import Glibc
import SealedStorage
import ServiceLifecycle

/// That this process alone is the broker of its name on its store: the only one on an SQLite file, the only one of its
/// `replica` in an etcd cluster. Two of one name would take each other's counter and audit log for tampered.
///
/// Taken before the store is opened, and given up when the broker ends.
public final class ReplicaClaim: Service {
    private let lock: DatabaseLock?
    private let presence: ReplicaPresence?
    private let name: String

    /// Takes the name that `configuration` says.
    ///
    /// - Throws: ``BrokerError`` when another broker has it and is alive, which for etcd takes some seconds to find out after
    ///   one that ended without giving it up.
    public init(_ configuration: BrokerConfiguration) async throws(BrokerError) {
        name = configuration.replica
        guard let etcd = configuration.etcd else {
            lock = try DatabaseLock(database: configuration.database)
            presence = nil
            return
        }
        lock = nil
        let settings = try etcd.configuration()
        do throws(StoreFailure) {
            let presence = try ReplicaPresence(settings, name: configuration.replica)
            self.presence = presence
            if try await presence.take() { return }
            await presence.close()
        } catch {
            throw BrokerError(.failed, check: "storage", error.description)
        }
        throw BrokerError(
            .failed, check: "replica",
            "another broker with the name \(name) is alive on this store: give each broker a `replica` of its own, or stop the "
                + "other one")
    }

    /// Answers others who want the name, until the broker shuts down.
    ///
    /// - Throws: ``BrokerError`` when another broker took the name, because this one did not answer.
    public func run() async throws {
        guard let presence else {
            try? await gracefulShutdown()
            return
        }
        let isOver = await cancelWhenGracefulShutdown {
            await presence.keep()
            return Task.isCancelled
        }
        if isOver { return }
        throw BrokerError(
            .failed, check: "replica",
            "another broker took the name \(name) while this one did not reach the store; this one ends")
    }

    /// Gives the name up, for the next process.
    public func release() async {
        lock?.release()
        await presence?.release()
    }
}

/// A lock beside a database's file, which ends with the process, however that ends.
private final class DatabaseLock: Sendable {
    private let file: Int32

    init(database: String) throws(BrokerError) {
        let path = database + ".lock"
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            throw BrokerError(
                .failed, check: "storage", "\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            var bytes = [UInt8](repeating: 0, count: 16)
            let count = max(pread(file, &bytes, bytes.count, 0), 0)
            let process = String(decoding: bytes.prefix(count).prefix { (0x30...0x39).contains($0) }, as: UTF8.self)
            close(file)
            throw BrokerError(
                .failed, check: "replica",
                "another broker uses \(database)\(process.isEmpty ? "" : " (process \(process))"): stop it first, or give "
                    + "this one a database of its own; several brokers share a store in etcd only (docs/STORE.md)")
        }
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(file, 0)
        _ = pwrite(file, text, text.count, 0)
    }

    func release() { _ = flock(file, LOCK_UN) }

    deinit { close(file) }
}
