import CLinux
import Envelope
import Foundation
import Glibc

/// Files that only the broker's own account may read, written so that a crash leaves the old or the new content.
struct OwnerOnlyFile {
    /// Which kind of root key or counter the file belongs to.
    let kind: String
    /// What the file is, for errors.
    let what: String
    let path: String

    /// Whether something lies at the path, a dangling link included.
    var exists: Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Reads at most `limit` bytes. The checks look at the opened file, so that nobody can exchange it in between.
    func read(limit: Int) throws(RootKeyFailure) -> SecretBytes {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else {
            let cause = errno
            throw failure(
                cause == ENOENT ? .missing : .permissions, "cannot be opened", Self.text(cause),
                cause == ELOOP
                    ? "name the file itself, not a symbolic link"
                    : "check that the path is right and that the broker's account may read it")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else {
            throw failure(.permissions, "cannot be checked", Self.text(errno), "look at the disk that holds it")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw failure(.configuration, "cannot be used", "it is not a regular file", "name a file")
        }
        guard status.st_uid == geteuid() else {
            throw failure(
                .permissions, "is not trusted", "it belongs to user \(status.st_uid), and the broker is \(geteuid())",
                "chown it to the broker's account")
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw failure(
                .permissions, "is not trusted", "its mode is 0\(mode), so group or others may use it",
                "chmod 600 it, and replace what it holds if others could read it")
        }
        guard status.st_size <= limit else {
            throw failure(
                .damaged, "cannot be used", "it has \(status.st_size) bytes, more than \(limit)",
                "check that the path names the right file")
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limit + 1, alignment: 16)
        defer {
            cl_wipe(buffer.baseAddress, buffer.count)
            buffer.deallocate()
        }
        var count = 0
        while count < buffer.count {
            let got = Glibc.read(file, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else {
                throw failure(.missing, "cannot be read", Self.text(errno), "look at the disk that holds it")
            }
            if got == 0 { break }
            count += got
        }
        guard count <= limit else {
            throw failure(
                .damaged, "cannot be used", "it grew beyond \(limit) bytes", "check that the path names the right file")
        }
        return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }

    /// Writes beside the path, syncs, puts in place, and syncs the folder.
    ///
    /// - Parameter replacing: Without it an existing file is an error and stays as it is.
    func write(_ secret: SecretBytes, replacing: Bool) throws(RootKeyFailure) {
        let staging = path + ".new"
        unlink(staging)
        let file = open(staging, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw unwritable(errno) }
        defer { unlink(staging) }
        var problem = secret.withBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let written = Glibc.write(file, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return errno }
                offset += written
            }
            return Int32(0)
        }
        if problem == 0, fsync(file) != 0 { problem = errno }
        close(file)
        guard problem == 0 else { throw unwritable(problem) }
        // link refuses where something exists, and rename replaces in one step.
        let placed = replacing ? rename(staging, path) : link(staging, path)
        guard placed == 0 else {
            let cause = errno
            guard cause == EEXIST else { throw unwritable(cause) }
            throw failure(.exists, "is not replaced", "it exists already", "move it away first if it is not needed")
        }
        let place = (path as NSString).deletingLastPathComponent
        let folder = open(place.isEmpty ? "." : place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw unwritable(errno) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw unwritable(errno) }
    }

    func failure(_ code: RootKeyFailure.Code, _ event: String, _ reason: String, _ remedy: String) -> RootKeyFailure {
        RootKeyFailure(code, kind: kind, "the \(what) \(path) \(event)", because: reason, remedy: remedy)
    }

    private func unwritable(_ cause: Int32) -> RootKeyFailure {
        failure(.missing, "cannot be written", Self.text(cause), "check its folder, its permissions and the free space")
    }

    static func text(_ cause: Int32) -> String { String(cString: strerror(cause)) }
}
