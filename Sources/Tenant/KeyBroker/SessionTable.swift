import Crypto
import Foundation
import Synchronization
import WireFormat

/// The open RCAR sessions, in memory and bounded.
///
/// Sessions live minutes and end with the process, so that a cookie is never good for two boots of the broker (R13).
/// A session is found by the hash of its cookie; the cookie itself is not kept.
final class SessionTable: Sendable {
    /// How far a handshake has come.
    enum Stage: Sendable {
        /// The challenge was sent.
        case challenged
        /// The evidence was accepted.
        case attested(AttestedGuest)
        /// A genuine guest was refused and tried too often.
        case ended
    }

    /// One session.
    struct Session: Sendable {
        /// The TEE name that the guest announced.
        var technology: String
        /// The challenge, base64 of 32 random bytes.
        var nonce: String
        /// The second since 1970 from which on the session is void.
        var expires: Int64
        /// How far it has come.
        var stage: Stage
        /// The refusals since evidence held and its guest got nothing.
        var refusals = 0
    }

    /// The life of a session in seconds.
    static let lifetime: Int64 = 300

    /// How many refusals a session outlives once evidence held and its guest got nothing: the nonce is good still, and
    /// so is the message that was refused.
    static let refusalLimit = 8

    private let capacity: Int
    private let clock: BrokerClock
    private let sessions = Mutex<[SHA256Digest: Session]>([:])

    init(capacity: Int, clock: BrokerClock) {
        self.capacity = capacity
        self.clock = clock
    }

    /// Opens a session; answers the cookie's value and the session.
    func open(technology: String) throws(BrokerError) -> (cookie: String, session: Session) {
        let cookie = Hex.encode(Self.random(16))
        let now = clock.seconds
        let session = Session(
            technology: technology, nonce: Base64.encode(Self.random(32)), expires: now + Self.lifetime,
            stage: .challenged)
        let stored = sessions.withLock { table in
            if table.count >= capacity { table = table.filter { $0.value.expires > now } }
            guard table.count < capacity else { return false }
            table[Self.key(cookie)] = session
            return true
        }
        guard stored else { throw BrokerError(.busy, check: "sessions", "too many sessions are open; try again") }
        return (cookie, session)
    }

    /// The unexpired session of a cookie.
    func session(_ cookie: String) -> Session? {
        let now = clock.seconds
        return sessions.withLock { table in
            let key = Self.key(cookie)
            guard let found = table[key] else { return nil }
            if found.expires > now { return found }
            table[key] = nil
            return nil
        }
    }

    /// Marks a challenged session as attested.
    func complete(_ cookie: String, guest: AttestedGuest) {
        sessions.withLock { $0[Self.key(cookie)]?.stage = .attested(guest) }
    }

    /// Counts a refusal, the first one when `isGenuine` says that the evidence held; the last one ends the session.
    ///
    /// Answers how many were counted. Calls that began before the session ended are counted beyond the limit.
    func countRefusal(_ cookie: String, isGenuine: Bool) -> Int {
        sessions.withLock { table in
            let key = Self.key(cookie)
            guard var session = table[key], isGenuine || session.refusals > 0 else { return 0 }
            if case .attested = session.stage { return 0 }
            session.refusals += 1
            if session.refusals >= Self.refusalLimit { session.stage = .ended }
            table[key] = session
            return session.refusals
        }
    }

    /// How many sessions are held.
    var count: Int { sessions.withLock { $0.count } }

    private static func key(_ cookie: String) -> SHA256Digest { SHA256.hash(data: Data(cookie.utf8)) }

    private static func random(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
