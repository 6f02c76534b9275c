/// Cuts a source into tokens. Keywords that v0 knows only by import are told apart by the parser.
struct Lexer {
    let bytes: [UInt8]
    let file: String
    private(set) var tokens: [Token] = []
    private(set) var comments: [Comment] = []
    var index = 0
    private var row = 1
    private var lineStart = 0
    private var followsLine = false
    private var followsSpace = false
    /// For each interpolated string that is open: whether it is raw, and how many braces are open in its term.
    private var templates: [(isRaw: Bool, braces: Int)] = []

    /// Bytes that a source may have.
    static let sourceLimit = 32 << 20
    /// Interpolated strings within one another.
    static let templateLimit = 64

    init(_ source: String, file: String) {
        bytes = Array(source.utf8)
        self.file = file
    }

    var byte: UInt8 { index < bytes.count ? bytes[index] : 0 }

    func peek(_ distance: Int) -> UInt8 { index + distance < bytes.count ? bytes[index + distance] : 0 }

    /// All tokens, with `.end` as the last.
    mutating func run() throws(RegoError) {
        guard bytes.count <= Self.sourceLimit else {
            throw RegoError("rego_parse_error", "source has \(bytes.count) bytes, more than \(Self.sourceLimit)")
        }
        tokens.reserveCapacity(bytes.count / 4 + 1)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        while true {
            try skipSpace()
            if index >= bytes.count { break }
            try token()
        }
        add(.end, from: index)
        if !templates.isEmpty { throw error("non-terminated string", at: index) }
    }

    private mutating func skipSpace() throws(RegoError) {
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): index += 1
            case UInt8(ascii: "\n"):
                index += 1
                line()
            case UInt8(ascii: "#"):
                let start = index
                while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
                let end = bytes[index - 1] == UInt8(ascii: "\r") ? index - 1 : index
                comments.append(Comment(start: start, end: end, row: row, column: start - lineStart + 1))
            default: return
            }
            followsSpace = true
        }
    }

    private mutating func line() {
        row += 1
        lineStart = index
        followsLine = true
    }

    private mutating func add(_ kind: Token.Kind, from start: Int, row: Int? = nil, column: Int? = nil) {
        tokens.append(
            Token(
                kind: kind, start: Int32(start), end: Int32(index), row: Int32(row ?? self.row),
                column: Int32(column ?? start - lineStart + 1), followsLine: followsLine, followsSpace: followsSpace))
        followsLine = false
        followsSpace = false
    }

    private mutating func token() throws(RegoError) {
        let start = index
        let byte = bytes[index]
        if Self.isLetter(byte) {
            word()
        } else if Self.isDigit(byte) {
            try number()
        } else if byte == UInt8(ascii: "\"") {
            try string()
        } else if byte == UInt8(ascii: "`") {
            try rawString()
        } else if byte == UInt8(ascii: "$") {
            try template()
        } else if byte == UInt8(ascii: "}"), let open = templates.last, open.braces == 0 {
            index += 1
            add(.templateClose, from: start)
            try templateText(isRaw: open.isRaw)
        } else {
            try sign()
        }
    }

    private mutating func word() {
        let start = index
        while index < bytes.count, Self.isLetter(bytes[index]) || Self.isDigit(bytes[index]) { index += 1 }
        // A keyword with a name after a dot is the head of a reference, and any word may follow a dot.
        let isName =
            (byte == UInt8(ascii: ".") && Self.isLetter(peek(1)))
            || (!followsSpace && tokens.last?.kind == .dot)
        add(isName ? .identifier : Self.keyword(bytes[start..<index]) ?? .identifier, from: start)
    }

    private mutating func number() throws(RegoError) {
        let start = index
        digits()
        if byte == UInt8(ascii: ".") {
            index += 1
            if !Self.isDigit(byte) { throw error("expected fraction", at: start) }
            digits()
        }
        if byte | 0x20 == UInt8(ascii: "e") {
            index += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { index += 1 }
            if !Self.isDigit(byte) { throw error("expected exponent", at: start) }
            digits()
        }
        if Self.isLetter(byte) { throw error("illegal number format", at: start) }
        add(.number, from: start)
    }

    private mutating func digits() { while Self.isDigit(byte) { index += 1 } }

    private mutating func string() throws(RegoError) {
        let start = index
        index += 1
        while byte != UInt8(ascii: "\"") {
            if index >= bytes.count || byte == UInt8(ascii: "\n") { throw error("non-terminated string", at: start) }
            try step(isRaw: false)
        }
        index += 1
        add(.string, from: start)
    }

    /// Goes over one character or escape in a string.
    private mutating func step(isRaw: Bool) throws(RegoError) {
        if byte == UInt8(ascii: "\\"), !isRaw {
            switch peek(1) {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
                UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "u"):
                index += 2
            default: throw error("illegal escape sequence", at: index)
            }
        } else if byte == 0 {
            throw error("illegal null character", at: index)
        } else {
            index += 1
        }
    }

    private mutating func rawString() throws(RegoError) {
        let (start, row, column) = (index, row, index - lineStart + 1)
        index += 1
        while byte != UInt8(ascii: "`") {
            if index >= bytes.count { throw error("non-terminated string", at: start) }
            index += 1
            if bytes[index - 1] == UInt8(ascii: "\n") { countLine() }
        }
        index += 1
        add(.string, from: start, row: row, column: column)
    }

    /// A line's end within a string, which ends no expression.
    private mutating func countLine() {
        row += 1
        lineStart = index
    }

    private mutating func template() throws(RegoError) {
        let start = index
        let isRaw = peek(1) == UInt8(ascii: "`")
        guard isRaw || peek(1) == UInt8(ascii: "\"") else { throw error("illegal $ character", at: start) }
        guard templates.count < Self.templateLimit else { throw error("nesting too deep", at: start) }
        index += 2
        add(.templateStart, from: start)
        templates.append((isRaw, 0))
        try templateText(isRaw: isRaw)
    }

    private mutating func templateText(isRaw: Bool) throws(RegoError) {
        let (start, row, column) = (index, row, index - lineStart + 1)
        while true {
            if index >= bytes.count { throw error("non-terminated string", at: start) }
            if byte == UInt8(ascii: "{") || byte == UInt8(ascii: isRaw ? "`" : "\"") { break }
            if byte == UInt8(ascii: "\n") {
                if !isRaw { throw error("non-terminated string", at: start) }
                index += 1
                countLine()
            } else if byte == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "{") {
                index += 2
            } else {
                try step(isRaw: isRaw)
            }
        }
        add(.templateText, from: start, row: row, column: column)
        index += 1
        if bytes[index - 1] != UInt8(ascii: "{") {
            add(.templateEnd, from: index - 1)
            templates.removeLast()
        }
    }

    private mutating func sign() throws(RegoError) {
        let start = index
        guard let (kind, length) = Self.sign(byte, peek(1)) else {
            throw error(byte == UInt8(ascii: "!") ? "illegal ! character" : "illegal token", at: start)
        }
        index += length
        add(kind, from: start)
        if !templates.isEmpty {
            if kind == .leftBrace { templates[templates.count - 1].braces += 1 }
            if kind == .rightBrace { templates[templates.count - 1].braces -= 1 }
        }
    }

    /// An error at a place of the line that is being read.
    private func error(_ message: String, at offset: Int) -> RegoError {
        let (row, start) = Snippet.line(of: offset, in: bytes)
        let location = Location(
            file: file, row: row, column: offset - start + 1, offset: offset,
            length: offset < bytes.count ? 1 : 0)
        return RegoError("rego_parse_error", message, location)
    }
}
