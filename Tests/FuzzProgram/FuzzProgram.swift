import CAllocations
import Foundation
import Fuzzing
import Synchronization

/// A fuzzer of several formats. Without a word of its own it takes libFuzzer's options, or a file to replay; an environment variable
/// names the format. `formats` lists them with the sources of their decoders; `seeds VECTORS FOLDER` writes a first corpus.
package enum FuzzProgram<Format: FuzzedFormat> {
    /// Runs the process.
    ///
    /// - Parameter variable: The environment variable that names the format.
    package static func main(variable: String) throws {
        let words = CommandLine.arguments
        if words.dropFirst().first == "formats" {
            for format in Format.allCases {
                print(([format.rawValue, "\(format.room)"] + format.sources).joined(separator: " "))
            }
            return
        }
        let name = ProcessInfo.processInfo.environment[variable] ?? ""
        guard let format = Format(rawValue: name) else {
            let known = Format.allCases.map(\.rawValue).joined(separator: ", ")
            fatalError("\(variable) is '\(name)'; there are \(known)")
        }
        if words.count == 4, words[1] == "seeds" {
            try write(format.seeds(vectors: URL(fileURLWithPath: words[2])), room: format.room, folder: words[3])
            return
        }
        format.prepare()
        chosen.withLock { $0 = format }
        LibFuzzer.run(testOneInput)
    }

    private static func write(_ seeds: [[UInt8]], room: Int, folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (number, seed) in seeds.enumerated() where !seed.isEmpty && seed.count <= room {
            try Data(seed).write(to: URL(fileURLWithPath: "\(folder)/seed-\(number)"))
        }
        print("\(seeds.count) seeds")
    }
}

/// What this process feeds; libFuzzer calls functions without any context.
private let chosen = Mutex<(any FuzzedFormat)?>(nil)

private func format() -> any FuzzedFormat {
    guard let format = chosen.withLock({ $0 }) else { fatalError("no format was chosen") }
    return format
}

/// The largest block that a decoder may ask for, in bytes.
private let blockLimit: UInt64 = 16 << 20

/// Runs one input. libFuzzer has a `main` of its own that wants this name, though it is not used here.
@_cdecl("LLVMFuzzerTestOneInput")
package func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let format = format()
    CurrentInput.note(bytes)
    allocations_limit(blockLimit)
    format.run(bytes)
    allocations_limit(0)
    return 0
}

/// Changes an input in place; gives its new size.
@_cdecl("LLVMFuzzerCustomMutator")
package func customMutator(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ room: Int, _ seed: UInt32) -> Int {
    var mutator = StructureMutator(format().shape, seed: seed)
    let old = Array(UnsafeBufferPointer(start: data, count: size))
    return LibFuzzer.put(mutator.mutate(old, room: room), in: data, room: room)
}

/// Makes an input of two.
@_cdecl("LLVMFuzzerCustomCrossOver")
package func customCrossOver(
    _ first: UnsafePointer<UInt8>, _ firstSize: Int, _ second: UnsafePointer<UInt8>, _ secondSize: Int,
    _ output: UnsafeMutablePointer<UInt8>, _ room: Int, _ seed: UInt32
) -> Int {
    var mutator = StructureMutator(format().shape, seed: seed)
    let crossed = mutator.cross(
        Array(UnsafeBufferPointer(start: first, count: firstSize)),
        Array(UnsafeBufferPointer(start: second, count: secondSize)))
    return LibFuzzer.put(crossed, in: output, room: room)
}
