import Foundation
import Fuzzing

/// Feeds any bytes to the Rego parser and evaluator: `rego-fuzzer [libFuzzer's options] [corpus]`, to replay
/// `rego-fuzzer FILE`. `rego-fuzzer seeds VECTORS FOLDER` writes the first corpus; `rego-fuzzer show FILE` prints an
/// input in words.
@main
struct RegoFuzzer {
    static func main() throws {
        let words = CommandLine.arguments
        switch words.dropFirst().first {
        case "seeds" where words.count == 4: try Seeds.write(vectors: words[2], folder: words[3])
        case "show" where words.count == 3:
            print(FuzzCase(decoding: Array(try Data(contentsOf: URL(fileURLWithPath: words[2])))).text)
        default: LibFuzzer.run(testOneInput)
        }
    }
}

/// Runs one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    CurrentInput.note(bytes)
    Harness.run(FuzzCase(decoding: bytes))
    return 0
}

/// Changes an input in place; gives its new size.
@_cdecl("LLVMFuzzerCustomMutator")
public func customMutator(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ room: Int, _ seed: UInt32) -> Int {
    var mutator = Mutator(seed: seed)
    let old = Array(UnsafeBufferPointer(start: data, count: size))
    return LibFuzzer.put(mutator.mutate(old, room: room), in: data, room: room)
}

/// Makes an input of two.
@_cdecl("LLVMFuzzerCustomCrossOver")
public func customCrossOver(
    _ first: UnsafePointer<UInt8>, _ firstSize: Int, _ second: UnsafePointer<UInt8>, _ secondSize: Int,
    _ output: UnsafeMutablePointer<UInt8>, _ room: Int, _ seed: UInt32
) -> Int {
    var mutator = Mutator(seed: seed)
    let crossed = mutator.cross(
        Array(UnsafeBufferPointer(start: first, count: firstSize)),
        Array(UnsafeBufferPointer(start: second, count: secondSize)))
    return LibFuzzer.put(crossed, in: output, room: room)
}
