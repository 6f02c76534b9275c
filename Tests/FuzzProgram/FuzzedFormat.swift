import Foundation
import Fuzzing

/// A format whose decoders are fed, by the name that the fuzzer's options use.
package protocol FuzzedFormat: RawRepresentable<String>, CaseIterable, Sendable {
    /// The most bytes of an input.
    var room: Int { get }
    /// How an input is cut into pieces.
    var shape: Shape { get }
    /// The files and folders whose regions count, from the repository's root.
    var sources: [String] { get }
    /// The first corpus.
    func seeds(vectors: URL) throws -> [[UInt8]]
    /// Makes what the decoders need, before memory is counted.
    func prepare()
    /// Runs the format's decoders on an input. What must never happen ends the process.
    func run(_ bytes: [UInt8])
}

extension FuzzedFormat {
    package func prepare() {}
}
