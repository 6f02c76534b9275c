import AuditTrail
import Foundation
import Glibc
import Synchronization
import WireFormat

/// The broker's decisions as JSON lines in an append-only file. A full file gets a number and stays until the operator
/// moves it away. Each line carries the hash of the one before it, see ``AuditLink``.
///
/// A record is in the file before the decision takes effect; when it cannot be written, the decision fails. No line is
/// ever dropped to make room for another: with too many files the broker decides nothing more. So that strangers cannot
/// bring that about, most of their refusals are counted, see ``RefusalBudget``, and so is what one guest does again and again,
/// see ``GuestBudget``. What administrators do has its line each time.
public final class AuditLog: Sendable {
    private struct State {
        var file: Int32
        var size: Int
        /// The link of the line that comes next.
        var link: AuditLink
        /// Where the last line that was written here begins, and that line.
        var last: (offset: Int, line: [UInt8])?
        /// Whether the last line was cut short because the disk was full.
        var isTorn = false
        var lastNumber = 0
        var isStuck = false
        var budget = RefusalBudget()
        var denials = RefusalBudget()
        var guests = GuestBudget()
    }

    private let path: String
    private let clock: BrokerClock
    private let limit: Int
    private let fileLimit: Int
    private let warn: @Sendable (String) -> Void
    private let state: Mutex<State>

    /// The most bytes that one answer to ``lines(since:last:)`` has.
    static let answerLimit = 8 << 20
    /// How many files are searched for one tenant's lines.
    static let tenantFiles = 4

    /// Opens or creates the log.
    ///
    /// - Parameters:
    ///   - path: The file that is written; full ones are called `path.NUMBER`, a later one with a higher number.
    ///   - limit: The bytes at which a file is full.
    ///   - fileLimit: How many full files may lie there. From half of them on the broker warns; with all of them there
    ///     it refuses to decide until some were moved away.
    ///   - warn: Where warnings go beside the log itself.
    public init(
        path: String, clock: BrokerClock = .system, limit: Int = 64 << 20, fileLimit: Int = 64,
        warn: @escaping @Sendable (String) -> Void = AuditLog.warnOnStandardError
    ) throws(BrokerError) {
        self.path = path
        self.clock = clock
        self.limit = limit
        self.fileLimit = fileLimit
        self.warn = warn
        let opened = try Self.open(path)
        state = Mutex(opened)
    }

    deinit {
        state.withLock { state in
            try? writeSummaries(&state, atOnce: true)
            close(state.file)
        }
    }

    /// Writes what was counted and brings all of it to the disk.
    func settle() {
        state.withLock { state in
            try? writeSummaries(&state, atOnce: true)
            fsync(state.file)
        }
    }

    /// Appends one record. Of a guest that had many already it is counted, see ``GuestBudget``.
    func append(_ record: AuditRecord) throws(BrokerError) {
        try state.withLock { state throws(BrokerError) in
            try writeSummaries(&state)
            if let guest = record.guest, !state.guests.admit(record, guest, now: clock.seconds) { return }
            try write(record, &state)
        }
    }

    /// The last line, for whoever notes it elsewhere; nil while there is none.
    var head: AuditHead? {
        state.withLock { state in
            guard state.link != .first else { return nil }
            return AuditHead(sequence: state.link.sequence - 1, hash: state.link.previous)
        }
    }

    /// Appends the refusal of somebody who proved nothing, or counts it when there were many.
    func appendRefusal(ofStranger record: AuditRecord) throws(BrokerError) {
        try state.withLock { state throws(BrokerError) in
            try writeSummaries(&state)
            let line = record.line(at: clock.now, state.link)
            guard state.budget.admit(record.check, bytes: line.count + 1, now: clock.seconds) else { return }
            try write(record, &state)
        }
    }

    /// Appends what an administrator may not do, or counts it when there was much of it. Strangers take none of these lines.
    func appendRefusal(ofAdministrator record: AuditRecord) throws(BrokerError) {
        try state.withLock { state throws(BrokerError) in
            try writeSummaries(&state)
            let line = record.line(at: clock.now, state.link)
            guard state.denials.admit(record.check, bytes: line.count + 1, now: clock.seconds) else { return }
            try write(record, &state)
        }
    }

    private static let tampered = BrokerError(
        .failed, check: "audit-tampered",
        "the audit log was changed, cut or replaced under the broker; nothing is decided until its owner has looked: "
            + "keep a copy of its files, see what is missing with `testudo broker audit verify`, move them away and restart"
    )

    /// Whether a line that was noted is still there, unchanged.
    func holds(_ head: AuditHead) -> Bool {
        if head == self.head { return true }
        for name in [path] + numbers.reversed().map({ "\(path).\($0)" }) {
            // Mostly it is one of the newest lines.
            for limit in [Self.newest, .max] {
                for line in Self.end(of: name, limit).split(separator: UInt8(ascii: "\n")).reversed() {
                    guard let link = AuditLink(line: line) else { continue }
                    if link.sequence == head.sequence { return AuditLink.hash(line) == head.hash }
                    if link.sequence < head.sequence { return false }
                }
            }
        }
        return false
    }

    /// How many bytes of a file are looked at before all of it is.
    private static let newest: UInt64 = 256 << 10

    /// The whole lines among the last `limit` bytes of a file; nothing where it cannot be read.
    private static func end(of name: String, _ limit: UInt64) -> ArraySlice<UInt8> {
        guard let file = FileHandle(forReadingAtPath: name), let size = try? file.seekToEnd() else { return [] }
        let start = size > limit ? size - limit : 0
        guard (try? file.seek(toOffset: start)) != nil, let data = try? file.readToEnd() else { return [] }
        let bytes = [UInt8](data)
        return start == 0 ? bytes[...] : bytes.drop { $0 != UInt8(ascii: "\n") }
    }

    /// How many full files lie there, and what to do when they are many; nil while they are few.
    var warning: String? {
        let count = numbers.count
        guard count * 2 >= fileLimit else { return nil }
        return "\(count) of at most \(fileLimit) full audit files lie at \(path).*: move the oldest away; with "
            + "\(fileLimit) the broker stops releasing keys rather than drop a line"
    }

    /// Whether full files are few.
    var hasRoom: Bool { warning == nil }

    /// The newest lines from second `since` on, oldest first: at most `last` of them and ``answerLimit`` bytes.
    ///
    /// - Parameter tenant: Whose lines are wanted, out of the newest ``tenantFiles`` files; nil for all lines.
    func lines(since: Int64, last: Int = .max, tenant: String? = nil) -> [UInt8] {
        // What cannot be written now is written with the next record, or that fails.
        state.withLock { state in try? writeSummaries(&state) }
        var found: [ArraySlice<UInt8>] = []
        var size = 0
        let files = [path] + numbers.reversed().map { "\(path).\($0)" }
        files: for name in files.prefix(tenant == nil ? .max : Self.tenantFiles) {
            guard let data = FileManager.default.contents(atPath: name) else { continue }
            for line in [UInt8](data).split(separator: UInt8(ascii: "\n")).reversed() {
                guard
                    let record = try? JSONValue.parse(Array(line)), let time = record["time"]?.stringValue,
                    let seconds = Timestamp.seconds(parsing: time)
                else { continue }
                guard tenant == nil || record["tenant"]?.stringValue == tenant else {
                    if seconds < since { break files }
                    continue
                }
                guard seconds >= since, found.count < last, size + line.count < Self.answerLimit else { break files }
                found.append(line)
                size += line.count + 1
            }
        }
        return Array(found.reversed().joined(separator: [UInt8(ascii: "\n")])) + (found.isEmpty ? [] : [10])
    }

    /// The numbers of the full files, oldest first.
    private var numbers: [Int] { Self.numbers(path) }

    private static func numbers(_ path: String) -> [Int] {
        let name = (path as NSString).lastPathComponent + "."
        let folder = (path as NSString).deletingLastPathComponent
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        // A number that no next one could follow is not the log's.
        return names.filter { $0.hasPrefix(name) }.compactMap { Int($0.dropFirst(name.count)) }
            .filter { 0 < $0 && $0 < 1 << 53 }.sorted()
    }

    private func writeSummaries(_ state: inout State, atOnce: Bool = false) throws(BrokerError) {
        let now = clock.seconds
        for summary in state.guests.summaries(now: now, atOnce: atOnce) { try write(summary, &state) }
        if let summary = state.denials.summary(now: now, to: "administrators", atOnce: atOnce) {
            try write(summary, &state)
        }
        guard let summary = state.budget.summary(now: now, atOnce: atOnce) else { return }
        try write(summary, &state)
    }

    private func write(_ record: AuditRecord, _ state: inout State) throws(BrokerError) {
        try follow(&state)
        let line = record.line(at: clock.now, state.link)
        if state.size + line.count + 1 > limit, state.size > 0 {
            // A note about full files may come before it.
            try rotate(&state, for: line.count + 1)
            try put(record.line(at: clock.now, state.link), &state)
        } else {
            try put(line, &state)
        }
    }

    /// Takes up the chain where another process has gone on with the same file.
    private func follow(_ state: inout State) throws(BrokerError) {
        var (ours, there) = (stat(), stat())
        guard fstat(state.file, &ours) == 0, ours.st_nlink > 0 else { throw Self.tampered }
        let isPlace = stat(path, &there) == 0 && there.st_ino == ours.st_ino
        if isPlace, ours.st_size == off_t(state.size) { return }
        // Another process may have gone on with the file. Nobody may have changed what was written here.
        if let (offset, line) = state.last {
            var found = [UInt8](repeating: 0, count: line.count)
            guard pread(state.file, &found, line.count, off_t(offset)) == line.count, found == line else {
                throw Self.tampered
            }
        }
        let known = state
        state = try Self.open(path)
        close(known.file)
        (state.lastNumber, state.isStuck) = (known.lastNumber, known.isStuck)
        (state.budget, state.denials, state.guests) = (known.budget, known.denials, known.guests)
    }

    private func put(_ line: [UInt8], _ state: inout State) throws(BrokerError) {
        let bytes = (state.isTorn ? [UInt8(ascii: "\n")] : []) + line + [UInt8(ascii: "\n")]
        let count = bytes.withUnsafeBytes { Glibc.write(state.file, $0.baseAddress, $0.count) }
        state.size += max(count, 0)
        guard count == bytes.count else {
            state.isTorn = state.isTorn || count > 0
            throw BrokerError(.failed, check: "audit", "the audit log cannot be written")
        }
        state.isTorn = false
        state.last = (state.size - line.count - 1, line)
        state.link = state.link.next(after: line)
    }

    /// Gives the file a number that no file had before, also not one that the operator has moved away: the time.
    ///
    /// Where that fails, the old file stays in use until it is twice as long as it should be: what is written next has
    /// to be in a file that is known to be the log's.
    private func rotate(_ state: inout State, for count: Int) throws(BrokerError) {
        let known = numbers
        guard known.count < fileLimit else {
            warn(warning ?? "")
            throw BrokerError(.failed, check: "audit", "the audit log is full; its owner has to move old files away")
        }
        let number = max((known.last ?? 0) + 1, state.lastNumber + 1, Int(clamping: clock.seconds))
        guard let file = replacement(movingTo: "\(path).\(number)") else {
            if !state.isStuck {
                warn("the audit log \(path) cannot be rotated; it grows to at most \(limit * 2) bytes")
            }
            state.isStuck = true
            guard state.size + count <= limit * 2 else {
                throw BrokerError(.failed, check: "audit", "the audit log is over its limit and cannot be rotated")
            }
            return
        }
        close(state.file)
        (state.file, state.size, state.lastNumber, state.isStuck) = (file, 0, number, false)
        guard let warning else { return }
        warn(warning)
        let note = AuditRecord(kind: .audit, allowed: true, check: "files", reason: warning)
        try put(note.line(at: clock.now, state.link), &state)
    }

    /// Moves the file to `full` and a new one in its place; nil when that cannot be, and then all is as it was.
    ///
    /// The new file is opened before anything is moved: a broker without a free descriptor fails here, with its log
    /// where it was.
    private func replacement(movingTo full: String) -> Int32? {
        let new = "\(path).new"
        // One that a broker which was killed here left; there is nothing in it.
        unlink(new)
        let file = Glibc.open(new, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return nil }
        if rename(path, full) == 0 {
            if rename(new, path) == 0 { return file }
            rename(full, path)
        }
        unlink(new)
        close(file)
        return nil
    }

    /// Writes a warning where the broker's own log goes.
    public static func warnOnStandardError(_ text: String) {
        let line = Array("testudo-keybroker: warning: \(text)\n".utf8)
        _ = Glibc.write(STDERR_FILENO, line, line.count)
    }

    private static func open(_ path: String) throws(BrokerError) -> State {
        let file = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw BrokerError(.failed, check: "audit", "cannot open the audit log \(path)") }
        var size = Int(lseek(file, 0, SEEK_END))
        // A line that a full disk or a lost machine cut short must not swallow the next one.
        var last: UInt8 = 0
        if size > 0, pread(file, &last, 1, off_t(size - 1)) == 1, last != UInt8(ascii: "\n") {
            last = UInt8(ascii: "\n")
            size += max(Glibc.write(file, &last, 1), 0)
        }
        return State(file: file, size: size, link: link(after: file, size, path))
    }

    /// The link that follows the last whole line: of this file or, when it has none, of the newest full one.
    private static func link(after file: Int32, _ size: Int, _ path: String) -> AuditLink {
        if let link = link(after: file, size) { return link }
        for number in numbers(path).reversed() {
            let older = Glibc.open("\(path).\(number)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard older >= 0 else { continue }
            defer { close(older) }
            if let link = link(after: older, Int(lseek(older, 0, SEEK_END))) { return link }
        }
        return .first
    }

    private static func link(after file: Int32, _ size: Int) -> AuditLink? {
        let count = min(size, AuditRecord.lineLimit * 4)
        var tail = [UInt8](repeating: 0, count: count)
        guard count > 0, pread(file, &tail, count, off_t(size - count)) == count else { return nil }
        for line in tail.split(separator: UInt8(ascii: "\n")).reversed() {
            if let link = AuditLink(line: line) { return link.next(after: line) }
        }
        return nil
    }
}
