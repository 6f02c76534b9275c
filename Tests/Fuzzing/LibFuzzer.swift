import Foundation

/// libFuzzer's own entry; ours is first because seeds are written by the same program.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// libFuzzer's own mutation, of bytes.
@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ room: Int) -> Int

/// The driver that chooses inputs.
public enum LibFuzzer {
    /// Runs the driver with the process's arguments until its end.
    public static func run(_ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt) -> Never {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments, callback))
    }

    /// Copies as much of an input as fits; gives how much that is.
    public static func put(_ bytes: [UInt8], in memory: UnsafeMutablePointer<UInt8>, room: Int) -> Int {
        let count = min(bytes.count, room)
        for index in 0..<count { memory[index] = bytes[index] }
        return count
    }
}

/// Changes that know nothing of what they change.
public enum ByteMutation {
    /// libFuzzer's own change of an input, to `room` bytes at most.
    public static func mutate(_ bytes: [UInt8], room: Int) -> [UInt8] {
        var changed = bytes + [UInt8](repeating: 0, count: max(room - bytes.count, 0))
        let size = changed.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mutateBytes($0, min(bytes.count, room), room) } ?? 0
        }
        return Array(changed.prefix(size))
    }
}
