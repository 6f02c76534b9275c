import Crypto
import Foundation
import GRDB

extension BrokerStore {
    /// How long a consumed nonce is remembered; sessions are void after minutes.
    private static var nonceMemory: Int64 { 86_400 }

    /// The step between verified evidence and its token, in one transaction that is durable before it returns.
    ///
    /// The nonce is created if absent (R13), and (instance, epoch) is tied to the manifest digest (R4): a second digest
    /// for the pair or an epoch below the highest one is refused, and then nothing is written.
    func consume(nonce: String, guest: AttestedGuest, now: Int64) throws(BrokerError) {
        let mark = Data(SHA256.hash(data: Data(nonce.utf8)))
        try BrokerError.wrapping("recording the attestation") {
            try pool.write { database in
                try database.execute(
                    sql: "DELETE FROM consumed_nonce WHERE time < ?", arguments: [now - Self.nonceMemory])
                try database.execute(sql: "INSERT OR IGNORE INTO consumed_nonce VALUES (?, ?)", arguments: [mark, now])
                guard database.changesCount == 1 else {
                    throw BrokerError(.attestation, check: "nonce", "the nonce was used before")
                }
                try Self.claim(guest, now: now, in: database)
                try Self.vouch(guest, now: now, in: database)
            }
        }
    }

    private static func claim(_ guest: AttestedGuest, now: Int64, in database: Database) throws {
        guard !guest.instance.isEmpty else { return }
        let highest = try Int64.fetchOne(
            database, sql: "SELECT max(epoch) FROM instance_epoch WHERE instance = ?", arguments: [guest.instance])
        if let highest, guest.epoch < highest {
            throw BrokerError(.policyDenied, check: "epoch", "the instance has already reached a later epoch")
        }
        let known = try String.fetchOne(
            database, sql: "SELECT digest FROM instance_epoch WHERE instance = ? AND epoch = ?",
            arguments: [guest.instance, guest.epoch])
        if let known {
            guard known == guest.manifest else {
                throw BrokerError(.policyDenied, check: "epoch-digest", "the epoch belongs to another manifest")
            }
            return
        }
        try database.execute(
            sql: "INSERT INTO instance_epoch VALUES (?, ?, ?, ?)",
            arguments: [guest.instance, guest.epoch, guest.manifest, now])
    }
}
