import Foundation
import Glibc

/// Files that only their owner may read, written so that a crash leaves either the old or the new content.
enum PrivateFile {
    /// Writes `bytes` beside `path`, syncs, renames, and syncs the folder.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(BrokerError) {
        let staging = path + ".new"
        unlink(staging)
        let file = Glibc.open(staging, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard file >= 0 else { throw failure("cannot create \(staging)") }
        var offset = 0
        while offset < bytes.count {
            let written = bytes[offset...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                close(file)
                throw failure("cannot write \(staging)")
            }
            offset += written
        }
        let synced = fsync(file)
        close(file)
        guard synced == 0, rename(staging, path) == 0 else { throw failure("cannot put \(path) in place") }
        let folder = Glibc.open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    /// Reads a file of at most 1 MiB that nobody but its owner may read.
    static func read(_ path: String, what: String) throws(BrokerError) -> [UInt8] {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("the \(what) \(path) cannot be opened") }
        guard status.st_mode & 0o077 == 0 else {
            throw failure("the \(what) \(path) must not be accessible to group or others (chmod 600)")
        }
        return try readPublic(path, what: what)
    }

    /// Reads a file of at most 1 MiB that decides whom the broker trusts: one that everybody may write is refused.
    static func readTrusted(_ path: String, what: String) throws(BrokerError) -> [UInt8] {
        try checkWriters(path, what: what)
        return try readPublic(path, what: what)
    }

    /// Refuses a file or folder that everybody may write. Groups are not looked at: containers give volumes to one.
    static func checkWriters(_ path: String, what: String) throws(BrokerError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("the \(what) \(path) cannot be opened") }
        guard status.st_mode & S_IWOTH == 0 else {
            throw BrokerError(
                .failed, check: "permissions",
                "the \(what) \(path) can be written by everybody: take that away (chmod o-w), and look at what it holds first"
            )
        }
    }

    /// Reads a file of at most 1 MiB.
    static func readPublic(_ path: String, what: String) throws(BrokerError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw failure("the \(what) \(path) cannot be read")
        }
        guard data.count <= 1 << 20 else { throw failure("the \(what) \(path) is larger than 1 MiB") }
        return Array(data)
    }

    /// Makes a folder that only its owner may enter.
    static func makeFolder(_ path: String) throws(BrokerError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        throw failure("cannot create the folder \(path)")
    }

    private static func failure(_ text: String) -> BrokerError {
        BrokerError(.failed, check: "file", "\(text): \(String(cString: strerror(errno)))")
    }
}
