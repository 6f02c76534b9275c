import Glibc
import WireFormat

/// Files that are either wholly written or not there at all.
public enum AtomicFile {
    /// A failure of a file operation, naming the operation, the path and the system's reason.
    public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// The sentence for people.
        public let description: String
        /// The system's error number.
        public let code: CInt

        init(_ operation: String, _ path: String, code: CInt = errno) {
            self.description = "cannot \(operation) \(path): \(String(cString: strerror(code)))"
            self.code = code
        }
    }

    /// Replaces the file at `path`: temporary file, fsync, rename, fsync of the folder.
    ///
    /// - Parameters:
    ///   - bytes: The whole content.
    ///   - path: Where it goes; the folder exists.
    ///   - mode: The permissions of the new file.
    public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(Failure) {
        let temporary = "\(path).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        guard file >= 0 else { throw Failure("create", temporary) }
        var place = 0
        while place < bytes.count {
            let count = bytes[place...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let failure = Failure("write", temporary)
                close(file)
                unlink(temporary)
                throw failure
            }
            place += count
        }
        let synced = fsync(file) == 0
        let failure = Failure("sync", temporary)
        close(file)
        guard synced else {
            unlink(temporary)
            throw failure
        }
        guard rename(temporary, path) == 0 else { throw Failure("rename", temporary) }
        self.syncFolder(of: path)
    }

    /// The whole content of a regular file of at most `limit` bytes.
    public static func read(_ path: String, limit: Int = 8 << 20) throws(Failure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard file >= 0 else { throw Failure("open", path) }
        defer { close(file) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure("read", path) }
            if count == 0 { return content }
            guard content.count + count <= limit else { throw Failure("read", path, code: EFBIG) }
            content += chunk[..<count]
        }
    }

    /// Removes a file and makes its absence last; a file that is not there is no failure.
    public static func remove(_ path: String) throws(Failure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw Failure("remove", path) }
        self.syncFolder(of: path)
    }

    /// Makes a folder and those above it.
    public static func makeFolder(_ path: String, mode: mode_t = 0o700) throws(Failure) {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw Failure("make folder", path)
        }
        try self.makeFolder(String(path[..<slash]), mode: mode)
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw Failure("make folder", path) }
    }

    /// The names in a folder, sorted; none when the folder is not there.
    public static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a folder with all that is in it, never leaving its file system and never following a link.
    public static func removeTree(_ path: String) throws(Failure) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw Failure("inspect", path)
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in self.names(in: path) { try self.removeTree("\(path)/\(name)") }
            guard rmdir(path) == 0 || errno == ENOENT else { throw Failure("remove", path) }
        } else {
            guard unlink(path) == 0 || errno == ENOENT else { throw Failure("remove", path) }
        }
    }

    private static func syncFolder(of path: String) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
