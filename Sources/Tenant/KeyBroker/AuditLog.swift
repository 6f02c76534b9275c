import Foundation
import Glibc
import Synchronization
import WireFormat

/// One decision of the broker.
public struct AuditRecord: Sendable, Equatable {
    /// What was decided upon.
    public enum Kind: String, Sendable {
        /// Evidence.
        case attest
        /// A secret for a guest.
        case release
        /// A leaf certificate.
        case certificate
        /// An administrator's call.
        case admin
    }

    /// What was decided upon.
    public var kind: Kind
    /// Whether it was granted.
    public var allowed: Bool
    /// The check that decided.
    public var check: String
    /// Why, for the tenant.
    public var reason: String
    /// The manifest digest, as far as known.
    public var manifest: String = ""
    /// The launch measurement, as far as known.
    public var measurement: String = ""
    /// The resource, names of a certificate or admin path.
    public var resource: String = ""
    /// The administrator's name.
    public var subject: String = ""
    /// Whether a software root signed the evidence; nil when it is not known.
    public var simulated: Bool?

    /// Creates a record.
    public init(kind: Kind, allowed: Bool, check: String, reason: String) {
        self.kind = kind
        self.allowed = allowed
        self.check = check
        self.reason = reason
    }

    func line(at time: Date) -> [UInt8] {
        func short(_ text: String) -> JSONValue { .string(String(text.prefix(512))) }
        let value: JSONValue = .object([
            "time": .string(Timestamp.text(time)), "kind": .string(kind.rawValue),
            "decision": .string(allowed ? "allow" : "deny"), "check": short(check), "reason": short(reason),
            "manifest": short(manifest), "measurement": short(measurement), "resource": short(resource),
            "subject": short(subject), "simulated": simulated.map { .bool($0) } ?? .null,
        ])
        return value.canonicalBytes + [UInt8(ascii: "\n")]
    }
}

/// The broker's decisions as JSON lines in one append-only file, with one older file kept beside it.
///
/// A record is in the file before the decision takes effect; when it cannot be written, the decision fails.
public final class AuditLog: Sendable {
    private struct State {
        var file: Int32
        var size: Int
    }

    private let path: String
    private let clock: BrokerClock
    private let limit: Int
    private let state: Mutex<State>

    /// Opens or creates the log; at `limit` bytes it moves to `path.1` and starts anew.
    public init(path: String, clock: BrokerClock = .system, limit: Int = 64 << 20) throws(BrokerError) {
        self.path = path
        self.clock = clock
        self.limit = limit
        let opened = try Self.open(path)
        state = Mutex(opened)
    }

    deinit { state.withLock { _ = close($0.file) } }

    /// Appends one record.
    func append(_ record: AuditRecord) throws(BrokerError) {
        let line = record.line(at: clock.now)
        let written = try state.withLock { state throws(BrokerError) in
            if state.size + line.count > limit, state.size > 0 {
                guard rename(path, path + ".1") == 0 else {
                    throw BrokerError(.failed, check: "audit", "the audit log cannot be rotated")
                }
                close(state.file)
                state = try Self.open(path)
            }
            let count = line.withUnsafeBytes { write(state.file, $0.baseAddress, $0.count) }
            state.size += max(count, 0)
            return count == line.count
        }
        guard written else { throw BrokerError(.failed, check: "audit", "the audit log cannot be written") }
    }

    /// The lines from second `since` on, the older file included.
    func lines(since: Int64) -> [UInt8] {
        var found: [UInt8] = []
        for name in [path + ".1", path] {
            guard let data = FileManager.default.contents(atPath: name) else { continue }
            for line in data.split(separator: UInt8(ascii: "\n")) {
                guard
                    let record = try? JSONValue.parse(Array(line)), let time = record["time"]?.stringValue,
                    let seconds = Timestamp.seconds(parsing: time), seconds >= since
                else { continue }
                found += line
                found.append(UInt8(ascii: "\n"))
            }
        }
        return found
    }

    private static func open(_ path: String) throws(BrokerError) -> State {
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw BrokerError(.failed, check: "audit", "cannot open the audit log \(path)") }
        var size = Int(lseek(file, 0, SEEK_END))
        // A line that a full disk or a lost machine cut short must not swallow the next one.
        var last: UInt8 = 0
        if size > 0, pread(file, &last, 1, off_t(size - 1)) == 1, last != UInt8(ascii: "\n") {
            last = UInt8(ascii: "\n")
            size += max(write(file, &last, 1), 0)
        }
        return State(file: file, size: size)
    }
}
