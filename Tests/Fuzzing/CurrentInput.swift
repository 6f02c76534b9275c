import Foundation

/// Keeps the input that is running in a file, named by the environment variable FUZZ_CURRENT: a stack that is
/// exhausted on a thread of its own leaves libFuzzer no chance to write it.
public enum CurrentInput {
    private static let room = 1 << 20

    /// Memory that is the file: eight bytes of length, then the input.
    nonisolated(unsafe) private static let memory: UnsafeMutableRawPointer? = {
        guard let path = ProcessInfo.processInfo.environment["FUZZ_CURRENT"] else { return nil }
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o644)
        guard file >= 0, ftruncate(file, off_t(room)) == 0 else { return nil }
        let memory = mmap(nil, room, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        close(file)
        return memory == MAP_FAILED ? nil : memory
    }()

    /// Writes the input that comes next.
    public static func note(_ bytes: [UInt8]) {
        guard let memory, bytes.count <= room - 8 else { return }
        memory.storeBytes(of: UInt64(bytes.count), as: UInt64.self)
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { (memory + 8).copyMemory(from: base, byteCount: source.count) }
        }
    }
}
