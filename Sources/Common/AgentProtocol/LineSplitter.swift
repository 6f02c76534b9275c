import WireFormat

/// Cuts a byte stream into lines. A line longer than the limit breaks the stream.
public struct LineSplitter: Sendable {
    private let limit: Int
    private var pending: [UInt8] = []

    /// Creates a splitter; `limit` bounds what it keeps.
    public init(limit: Int = 4 * 1024 * 1024) { self.limit = limit }

    /// Takes bytes in and returns the lines that are whole now, without their newlines. Empty lines are skipped.
    public mutating func append(_ bytes: [UInt8]) throws(WireError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = bytes.startIndex
        while let newline = bytes[start...].firstIndex(of: 0x0a) {
            let line = pending + bytes[start..<newline]
            pending = []
            start = newline + 1
            try check(line.count)
            if !line.isEmpty { lines.append(line) }
        }
        pending.append(contentsOf: bytes[start...])
        try check(pending.count)
        return lines
    }

    private func check(_ count: Int) throws(WireError) {
        guard count <= limit else {
            throw WireError(field: "control line", reason: "it is longer than \(limit) bytes")
        }
    }
}
