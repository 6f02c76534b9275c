import CLinux
import Crypto
import Glibc

/// A private copy of an input that nobody can change any more: what is measured is what QEMU reads.
///
/// The bytes are hashed after sealing, from the copy, so that a file which changes while it is read changes the
/// measurement and nothing else.
public final class SealedCopy {
    /// The memory file's descriptor; closed with the copy.
    public let descriptor: CInt
    /// Bytes in the copy.
    public let count: Int

    private static let chunk = 1 << 20

    /// Copies a whole file.
    ///
    /// - Parameters:
    ///   - source: An open file; its offset is not used.
    ///   - name: What it is, for errors and `/proc`.
    ///   - limit: The largest input.
    public init(of source: CInt, name: String, limit: Int = 1 << 30) throws(SoftTEEError) {
        let copy = cl_memfd("testudo-\(name)", UInt32(CL_MFD_CLOEXEC | CL_MFD_ALLOW_SEALING))
        guard copy >= 0 else { throw SoftTEEError("cannot make a memory file for the \(name): error \(-copy)") }
        self.descriptor = copy
        var total = 0
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        while true {
            let count = pread(source, &buffer, buffer.count, off_t(total))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failed("read", name, copy) }
            if count == 0 { break }
            guard total + count <= limit else { throw Self.failed("copy (too large)", name, copy) }
            var place = 0
            while place < count {
                let written = buffer[place..<count].withUnsafeBytes { write(copy, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw Self.failed("copy", name, copy) }
                place += written
            }
            total += count
        }
        guard total > 0 else { throw Self.failed("use (it is empty)", name, copy) }
        guard cl_seal(copy) == 0 else { throw Self.failed("seal", name, copy) }
        self.count = total
    }

    deinit { close(self.descriptor) }

    /// The SHA-256 of the sealed bytes.
    public func digest() throws(SoftTEEError) -> [UInt8] {
        var hash = SHA256()
        var place = 0
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        while place < self.count {
            let count = pread(self.descriptor, &buffer, buffer.count, off_t(place))
            guard count > 0 else { throw SoftTEEError("cannot read a sealed copy back") }
            hash.update(data: buffer[..<count])
            place += count
        }
        return Array(hash.finalize())
    }

    /// All sealed bytes; meant for the firmware, which is small.
    public func bytes() throws(SoftTEEError) -> [UInt8] {
        var content = [UInt8](repeating: 0, count: self.count)
        var place = 0
        while place < self.count {
            let count = content[place...].withUnsafeMutableBytes {
                pread(self.descriptor, $0.baseAddress, $0.count, off_t(place))
            }
            guard count > 0 else { throw SoftTEEError("cannot read a sealed copy back") }
            place += count
        }
        return content
    }

    private static func failed(_ action: String, _ name: String, _ copy: CInt) -> SoftTEEError {
        let reason = String(cString: strerror(errno))
        close(copy)
        return SoftTEEError("cannot \(action) the \(name): \(reason)")
    }
}
