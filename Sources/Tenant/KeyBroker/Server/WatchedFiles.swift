import Foundation
import Glibc
import Synchronization

/// Files that are read again when one of them changes, all together.
///
/// What cannot be read changes nothing: what was in force stays in force, and ``FileWatch`` says so. Of files whose owner takes trust
/// away by removing or changing them nothing stays in force then: `orElse` does, and the audit log says so too.
final class WatchedFiles<Contents: Sendable>: Sendable {
    private struct State: Sendable {
        var marks: [FileMark?]
        var contents: Contents
        var failure: String?
        var checked: ContinuousClock.Instant
    }

    private let what: String
    private let paths: [String]
    private let watch: FileWatch
    private let fallback: Contents?
    private let read: @Sendable () throws(BrokerError) -> Contents
    private let state: Mutex<State>

    /// Reads the files, which have to be good at the start.
    ///
    /// - Parameters:
    ///   - what: What the files are, for warnings and `readyz`.
    ///   - paths: Whose changes count.
    ///   - watch: Who asks for changes too, and collects what is wrong.
    ///   - fallback: What is in force while they cannot be read; nil for what was.
    ///   - read: Reads and checks all of them.
    init(
        _ what: String, paths: [String], watch: FileWatch, orElse fallback: Contents? = nil,
        read: @escaping @Sendable () throws(BrokerError) -> Contents
    ) throws(BrokerError) {
        self.what = what
        self.paths = paths
        self.watch = watch
        self.fallback = fallback
        self.read = read
        // The marks are taken first: what changes while it is read is read again.
        let marks = paths.map(FileMark.init(path:))
        state = Mutex(State(marks: marks, contents: try read(), checked: .now))
        watch.add(what) { [weak self] isForced in self?.refresh(atOnce: true, evenUnchanged: isForced) }
    }

    /// What is in force.
    var contents: Contents {
        refresh(atOnce: false, evenUnchanged: false)
        return state.withLock { $0.contents }
    }

    /// Reads the files now, whether they changed or not: something beside them did. Answers why what was in force stays; nil when it
    /// does not.
    @discardableResult
    func readAgain() -> String? { refresh(atOnce: true, evenUnchanged: true) }

    /// Looks for changes, at most once a second unless asked to do so `atOnce`.
    @discardableResult
    private func refresh(atOnce: Bool, evenUnchanged: Bool) -> String? {
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            guard atOnce || state.checked.duration(to: now) >= .seconds(1) else { return false }
            state.checked = now
            return true
        }
        guard isDue else { return state.withLock { $0.failure } }
        let marks = paths.map(FileMark.init(path:))
        guard evenUnchanged || marks != state.withLock({ $0.marks }) else { return state.withLock { $0.failure } }
        do throws(BrokerError) {
            let contents = try read()
            let isNew = state.withLock { state in
                defer { (state.marks, state.contents, state.failure) = (marks, contents, nil) }
                return state.marks != marks || state.failure != nil
            }
            if isNew {
                watch.tell("read the \(what) again: they are in force now")
                if fallback != nil { watch.note("\(paths.joined(separator: ", ")) was read again and is in force") }
            }
            return nil
        } catch {
            let isNew = state.withLock { state in
                defer { (state.marks, state.failure) = (marks, error.detail) }
                if let fallback { state.contents = fallback }
                return state.failure != error.detail
            }
            if isNew, fallback == nil { watch.tell("warning: the \(what) stay as they were: \(error.detail)") }
            if isNew, fallback != nil {
                watch.tell("warning: of the \(what) some are not in force any more: \(error.detail)")
                watch.note("not in force any more: \(error.detail)")
            }
            return error.detail
        }
    }
}

/// What shows that a file was written or replaced.
struct FileMark: Equatable, Sendable {
    private var seconds: Int
    private var nanoseconds: Int
    private var size: Int
    private var node: UInt

    /// The mark of a file; nil when there is none.
    init?(path: String) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        seconds = info.st_mtim.tv_sec
        nanoseconds = info.st_mtim.tv_nsec
        size = Int(info.st_size)
        node = UInt(info.st_ino)
    }
}

/// All files that a broker reads again while it runs.
final class FileWatch: Sendable {
    private let entries = Mutex<[(what: String, refresh: @Sendable (Bool) -> String?)]>([])
    private let log: @Sendable (String) -> Void

    /// Tells `log` of each change, taken up or not.
    init(log: @escaping @Sendable (String) -> Void = FileWatch.tellStandardError) { self.log = log }

    fileprivate func add(_ what: String, _ refresh: @escaping @Sendable (Bool) -> String?) {
        entries.withLock { $0.append((what, refresh)) }
    }

    fileprivate func tell(_ text: String) { log(text) }

    private let noting = Mutex<(@Sendable (String) -> Void)?>(nil)

    /// Where changes of what is trusted are noted too, once there is such a place.
    func noteTrust(_ note: @escaping @Sendable (String) -> Void) { noting.withLock { $0 = note } }

    fileprivate func note(_ text: String) { noting.withLock(\.self)?(text) }

    /// Looks for changes now, or reads all files again, changed or not; answers what cannot be read and so is not in force.
    @discardableResult
    func refresh(evenUnchanged: Bool = false) -> [String] {
        let all = entries.withLock { $0 }
        var outdated: [String] = []
        for entry in all where entry.refresh(evenUnchanged) != nil && !outdated.contains(entry.what) {
            outdated.append(entry.what)
        }
        return outdated
    }

    /// Writes a line where the broker's own log goes.
    static func tellStandardError(_ text: String) {
        let line = Array("testudo-keybroker: \(text)\n".utf8)
        _ = Glibc.write(STDERR_FILENO, line, line.count)
    }
}
