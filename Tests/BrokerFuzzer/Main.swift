import CAllocations
import Foundation
import Fuzzing

/// Feeds any bytes to the decoders of the key broker that the environment variable BROKER_FUZZ_FORMAT names: `broker-fuzzer [libFuzzer's
/// options]`, to replay `broker-fuzzer FILE`. `broker-fuzzer formats` lists the formats with the sources of their
/// decoders; `broker-fuzzer seeds VECTORS FOLDER` writes a format's first corpus.
///
/// What opens has to be one of the messages that were sealed: BROKER_FUZZ_SEEDS names the folder with them.
@main
struct BrokerFuzzer {
    static func main() throws {
        let words = CommandLine.arguments
        switch words.dropFirst().first {
        case "formats":
            for format in Format.allCases {
                print(([format.rawValue, "\(format.room)"] + format.sources).joined(separator: " "))
            }
        case "seeds" where words.count == 4:
            try FileManager.default.createDirectory(atPath: words[3], withIntermediateDirectories: true)
            let seeds = chosen.seeds(vectors: URL(fileURLWithPath: words[2]))
            for (number, seed) in seeds.enumerated() where !seed.isEmpty && seed.count <= chosen.room {
                try Data(seed).write(to: URL(fileURLWithPath: "\(words[3])/seed-\(number)"))
            }
            print("\(seeds.count) seeds")
        default: LibFuzzer.run(testOneInput)
        }
    }
}

private let chosen: Format = {
    let name = ProcessInfo.processInfo.environment["BROKER_FUZZ_FORMAT"] ?? ""
    guard let format = Format(rawValue: name) else {
        let known = Format.allCases.map(\.rawValue).joined(separator: ", ")
        fatalError("BROKER_FUZZ_FORMAT is '\(name)'; there are \(known)")
    }
    return format
}()

/// What a format needs is there before memory is counted.
private let prepared: Void = chosen.prepare()

/// The largest block that a decoder may ask for, in bytes.
private let blockLimit: UInt64 = 16 << 20

/// Runs one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    _ = prepared
    CurrentInput.note(bytes)
    allocations_limit(blockLimit)
    chosen.run(bytes)
    allocations_limit(0)
    return 0
}

/// Changes an input in place; gives its new size.
@_cdecl("LLVMFuzzerCustomMutator")
public func customMutator(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ room: Int, _ seed: UInt32) -> Int {
    var mutator = StructureMutator(chosen.shape, seed: seed)
    let old = Array(UnsafeBufferPointer(start: data, count: size))
    return LibFuzzer.put(mutator.mutate(old, room: room), in: data, room: room)
}

/// Makes an input of two.
@_cdecl("LLVMFuzzerCustomCrossOver")
public func customCrossOver(
    _ first: UnsafePointer<UInt8>, _ firstSize: Int, _ second: UnsafePointer<UInt8>, _ secondSize: Int,
    _ output: UnsafeMutablePointer<UInt8>, _ room: Int, _ seed: UInt32
) -> Int {
    var mutator = StructureMutator(chosen.shape, seed: seed)
    let crossed = mutator.cross(
        Array(UnsafeBufferPointer(start: first, count: firstSize)),
        Array(UnsafeBufferPointer(start: second, count: secondSize)))
    return LibFuzzer.put(crossed, in: output, room: room)
}
