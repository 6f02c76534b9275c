import Foundation
import Glibc
import Synchronization

/// A file that is read again when it changes. A change that cannot be read leaves nothing in force.
final class TrustFile<Contents: Sendable>: Sendable {
    private struct Mark: Equatable, Sendable {
        var seconds: Int
        var nanoseconds: Int
        var size: Int
        var node: UInt
    }

    private let path: String
    private let what: String
    private let parse: @Sendable ([UInt8]) throws(BrokerError) -> Contents
    private let state: Mutex<(mark: Mark, contents: Contents)?>

    /// Reads the file, which has to be good at the start.
    init(
        _ path: String, what: String, parse: @escaping @Sendable ([UInt8]) throws(BrokerError) -> Contents
    ) throws(BrokerError) {
        self.path = path
        self.what = what
        self.parse = parse
        state = Mutex(nil)
        _ = try contents()
    }

    /// What the file holds now.
    func contents() throws(BrokerError) -> Contents {
        guard let mark = mark() else {
            throw BrokerError(.failed, check: "configuration", "\(what) \(path) cannot be read")
        }
        if let known = state.withLock({ $0 }), known.mark == mark { return known.contents }
        let parsed = try parse(try PrivateFile.readPublic(path, what: what))
        state.withLock { $0 = (mark, parsed) }
        return parsed
    }

    private func mark() -> Mark? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return Mark(
            seconds: info.st_mtim.tv_sec, nanoseconds: info.st_mtim.tv_nsec, size: Int(info.st_size),
            node: UInt(info.st_ino))
    }
}
