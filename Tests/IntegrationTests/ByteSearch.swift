import Glibc

/// The C library's `memmem`, which Swift's module map leaves out; a loop here would take minutes over what is searched.
enum ByteSearch {
    private typealias Function =
        @convention(c) (UnsafeRawPointer, Int, UnsafeRawPointer, Int) -> UnsafeMutableRawPointer?

    private static let function = dlsym(nil, "memmem").map { unsafeBitCast($0, to: Function.self) }

    /// Where `needle` begins in `memory`, not before `start`.
    static func first(_ needle: [UInt8], in memory: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        guard let base = memory.baseAddress, start < memory.count else { return nil }
        guard let function else { preconditionFailure("this C library has no memmem") }
        return needle.withUnsafeBytes { bytes in
            guard let wanted = bytes.baseAddress else { return nil }
            return function(base + start, memory.count - start, wanted, bytes.count).map { UnsafeRawPointer($0) - base }
        }
    }
}
