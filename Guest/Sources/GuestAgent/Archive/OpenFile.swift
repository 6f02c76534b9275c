import Glibc

/// An open file that is closed when its last owner lets go of it.
public final class OpenFile: Sendable {
    /// The number, valid as long as this object lives.
    public let number: Int32

    /// Takes ownership of an open file.
    public init(owning number: Int32) { self.number = number }

    /// Opens a file; close-on-exec is always set.
    public convenience init(opening path: String, flags: Int32, mode: mode_t = 0) throws(SystemFailure) {
        let number = open(path, flags | O_CLOEXEC, mode)
        self.init(owning: try SystemFailure.checkErrno(number, "open \(path)"))
    }

    deinit { close(number) }

    /// Writes all bytes, however many calls that takes.
    public func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemFailure) {
        var rest = bytes
        while !rest.isEmpty {
            let count = write(number, rest.baseAddress, rest.count)
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw SystemFailure("write", code: code)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Writes all bytes of a collection.
    public func writeAll(_ bytes: some Collection<UInt8>) throws(SystemFailure) {
        var failure: SystemFailure?
        let done: Void? = bytes.withContiguousStorageIfAvailable { storage in
            do throws(SystemFailure) { try writeAll(UnsafeRawBufferPointer(storage)) } catch { failure = error }
        }
        if done == nil { try writeAll(Array(bytes)) }
        if let failure { throw failure }
    }

    /// Reads up to `limit` bytes from the current position; an empty array is the end.
    public func readSome(limit: Int) throws(SystemFailure) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            var got = read(number, buffer.baseAddress, limit)
            while got < 0 && errno == EINTR { got = read(number, buffer.baseAddress, limit) }
            if got < 0 { code = errno }
            count = max(0, got)
        }
        guard code == 0 else { throw SystemFailure("read", code: code) }
        return bytes
    }

    /// Reads from the current position to the end, refusing more than `limit` bytes.
    public func readAll(limit: Int) throws(SystemFailure) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let some = try readSome(limit: 65536)
            if some.isEmpty { return all }
            guard all.count + some.count <= limit else {
                throw SystemFailure("read: longer than \(limit)", code: EFBIG)
            }
            all += some
        }
    }
}

/// Reads a small file whole.
func contentsOfFile(_ path: String, limit: Int = 1 << 20) throws(SystemFailure) -> [UInt8] {
    try OpenFile(opening: path, flags: O_RDONLY).readAll(limit: limit)
}

/// Writes a file anew.
func writeFile(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o600) throws(SystemFailure) {
    try OpenFile(opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode).writeAll(bytes)
}
