import Crypto
import Envelope
import SealedStorage
import WireFormat

/// What a policy may ask of a session that has only a cookie: the claims of its token.
struct KeptClaims: Sendable, Equatable {
    /// SHA-256 of the token, by which the session's cookie names them.
    var tokenHash: [UInt8]
    /// The payload of the token.
    var payload: [UInt8]

    /// Takes them out of a token; nil when it has no payload.
    init?(token: String) {
        let bytes = Array(token.utf8)
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = try? Base64.decodeURL(parts[1], field: "token") else { return nil }
        tokenHash = Array(SHA256.hash(data: bytes))
        self.payload = payload
    }
}

extension EntryFamily {
    /// Claims of attested sessions, by the hash of the token; the minute is the one in which the session began.
    static func sessionClaims(minute: Int64) -> EntryFamily { EntryFamily(rawValue: "session-claims-\(minute)") }
    /// How many bytes of them there are, by minute.
    static let sessionClaimsUse = EntryFamily(rawValue: "session-claims-use")
}

extension StoreTransaction {
    /// Keeps the claims of a session that began in `minute`. Where that minute has as many bytes as it may, they are left out,
    /// and the guest attests again where its claims are not known. The minute's entry of
    /// ``SealedStorage/EntryFamily/sessionClaimsUse`` has to be among those that the transaction reads.
    mutating func keep(_ claims: KeptClaims, minute: Int64) throws(BrokerError) {
        let use = EntryFamily.sessionClaimsUse["\(minute)"]
        let before = try entry(use).flatMap { Int(String(decoding: $0.value, as: UTF8.self)) } ?? 0
        let after = before + claims.payload.count
        guard claims.payload.count <= BrokerStore.sessionClaimsLimit, after <= BrokerStore.sessionClaimsMinuteLimit
        else { return }
        put(EntryFamily.sessionClaims(minute: minute)[Hex.encode(claims.tokenHash)], claims.payload)
        put(use, Array("\(after)".utf8))
    }
}

extension BrokerStore {
    /// The most bytes of one session's claims.
    static var sessionClaimsLimit: Int { 256 << 10 }
    /// The most bytes of the claims of all sessions that began in one minute: what etcd keeps of them until it is compacted has
    /// to fit beside all else.
    static var sessionClaimsMinuteLimit: Int { 8 << 20 }

    /// The claims of a session; nil when they were left out or swept.
    ///
    /// - Parameters:
    ///   - tokenHash: SHA-256 of the session's token.
    ///   - issued: When the session began, in seconds since 1970.
    func sessionClaims(tokenHash: [UInt8], issued: Int64) async throws(BrokerError) -> [UInt8]? {
        try await read(EntryFamily.sessionClaims(minute: issued / 60)[Hex.encode(tokenHash)])?.value
    }

    /// Removes the claims of sessions that have ended.
    func sweepSessionClaims(now: Int64) async throws(BrokerError) {
        let end = (now - SessionCookie.lifetime - 2 * SessionCookie.skew) / 60
        for entry in try await list(.sessionClaimsUse) {
            guard let minute = Int64(entry.name), minute < end else { continue }
            try await removeAll(EntryFamily.sessionClaims(minute: minute))
            try await transact([], isRoutine: true) { (transaction) throws(BrokerError) in
                transaction.remove(EntryFamily.sessionClaimsUse[entry.name])
            }
        }
    }

    /// Removes all entries of a family, some at a time.
    func removeAll(_ family: EntryFamily) async throws(BrokerError) {
        guard await sealed.count(family) > 0 else { return }
        var names = try await list(family).map(\.name)
        while !names.isEmpty {
            let some = Array(names.prefix(100))
            names.removeFirst(some.count)
            try await transact([], isRoutine: true) { (transaction) throws(BrokerError) in
                for name in some { transaction.remove(family[name]) }
            }
        }
    }
}
