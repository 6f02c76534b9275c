import NIOPosix

/// Reads a container's output line by line on a thread of its own. Lines longer than the limit are cut.
struct LineReader {
    private static let longestLine = 16 * 1024
    private var pending: [UInt8] = []

    /// Splits the next bytes into finished lines.
    mutating func append(_ bytes: [UInt8]) -> [String] {
        pending += bytes
        var lines: [String] = []
        var start = pending.startIndex
        while let end = pending[start...].firstIndex(of: 10) {
            lines.append(String(decoding: pending[start..<end], as: UTF8.self))
            start = end + 1
        }
        pending.removeFirst(start)
        while pending.count > Self.longestLine {
            lines.append(String(decoding: pending.prefix(Self.longestLine), as: UTF8.self))
            pending.removeFirst(Self.longestLine)
        }
        return lines
    }

    /// What is left when the output ends without a newline.
    mutating func finish() -> [String] {
        defer { pending = [] }
        return pending.isEmpty ? [] : [String(decoding: pending, as: UTF8.self)]
    }

    /// Reads `file` to its end and passes each line on.
    static func run(_ file: OpenFile, _ line: @escaping @Sendable (String) -> Void) async {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        _ = try? await thread.runIfActive {
            var reader = LineReader()
            while let bytes = try? file.readSome(limit: 64 * 1024), !bytes.isEmpty {
                for text in reader.append(bytes) { line(text) }
            }
            for text in reader.finish() { line(text) }
        }
        try? await thread.shutdownGracefully()
    }
}
