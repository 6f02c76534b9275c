/// The line that an error is about, with a caret below the place.
public enum Snippet {
    /// Characters of a line that are shown.
    private static let limit = 200

    /// The line of `location` and a line with a caret below it.
    public static func text(of location: Location, in source: String) -> String {
        text(of: location, in: Array(source.utf8))
    }

    static func text(of location: Location, in bytes: [UInt8]) -> String {
        let offset = min(max(location.offset, 0), bytes.count)
        let start = max(offset - max(location.column - 1, 0), 0)
        let first = max(start, offset - limit / 2)
        // No further than is shown: a line can be as long as the source, and have as many errors.
        let room = min(bytes.count, max(first + limit, offset))
        var end = offset
        while end < room, bytes[end] != UInt8(ascii: "\n"), bytes[end] != UInt8(ascii: "\r") { end += 1 }
        let line = bytes[first..<end]
        // Tabs stay, so that the caret lines up; the rest becomes a space for each character.
        let indent = bytes[first..<offset].filter { $0 & 0xC0 != 0x80 }.map { $0 == 9 ? $0 : 32 }
        return String(decoding: line, as: UTF8.self) + "\n" + String(decoding: indent, as: UTF8.self) + "^"
    }

    /// The row of an offset, from 1, and the offset where its line starts.
    static func line(of offset: Int, in bytes: [UInt8]) -> (row: Int, start: Int) {
        var (row, start) = (1, 0)
        for index in 0..<min(offset, bytes.count) where bytes[index] == UInt8(ascii: "\n") {
            row += 1
            start = index + 1
        }
        return (row, start)
    }
}

extension RegoError {
    /// The error with the line that it is about, when its source is among `sources`, by name.
    func showing(_ sources: [String: String]) -> RegoError {
        guard snippet.isEmpty, let location, location.row > 0, let source = sources[location.file] else { return self }
        var error = self
        error.snippet = Snippet.text(of: location, in: source)
        return error
    }
}

extension RegoErrors {
    /// The errors with the lines that they are about.
    func showing(_ sources: [String: String]) -> RegoErrors { RegoErrors(errors.map { $0.showing(sources) }) }

    /// Errors with the lines of the source that they are about.
    init(_ errors: [RegoError], of source: String) {
        let bytes = Array(source.utf8)
        self.init(
            errors.map { error in
                guard let location = error.location, error.snippet.isEmpty else { return error }
                var error = error
                error.snippet = Snippet.text(of: location, in: bytes)
                return error
            })
    }
}
