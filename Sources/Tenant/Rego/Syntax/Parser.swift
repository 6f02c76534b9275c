/// How a source is read.
public struct ParseOptions: Sendable {
    /// Whether to read the language of OPA before 1.0: no `if`, no `contains`, further keywords by import.
    public var v0: Bool
    /// Whether v0 sources have `in`, `every`, `contains` and `if` without an import.
    public var futureKeywords: Bool

    /// Options of one's own; v1 unless told otherwise.
    public init(v0: Bool = false, futureKeywords: Bool = false) {
        self.v0 = v0
        self.futureKeywords = futureKeywords
    }
}

/// Turns tokens into the syntax tree, by recursive descent.
///
/// Whatever the source, the work is bounded: terms nest to a depth, and steps back over tokens already read (where only
/// what follows tells a set from a comprehension) count against a budget in proportion to the source.
struct Parser {
    /// Keywords that v0 sources import.
    struct Keywords: OptionSet {
        let rawValue: UInt8
        static let `in` = Keywords(rawValue: 1)
        static let every = Keywords(rawValue: 2)
        static let contains = Keywords(rawValue: 4)
        static let `if` = Keywords(rawValue: 8)
        static let all: Keywords = [.in, .every, .contains, .if]
    }

    let bytes: [UInt8]
    let file: String
    let tokens: [Token]
    let comments: [Comment]
    var index = 0
    var keywords: Keywords
    /// Terms and bodies that are open.
    var depth = 0
    /// How deep the tree of the term that was read last is.
    var height = 0
    /// Variables made up for `_` so far.
    var wildcards = 0
    /// Whether the options brought the keywords that v0 sources import.
    let isFuture: Bool
    /// Whether the source is read as Rego v0, whatever it imports.
    let isV0: Bool
    /// Whether a v0 source has imported `rego.v1`.
    var isCompatible = false
    private var steps = 0

    /// Terms within terms, as they are read and as they end up in the tree.
    static let depthLimit = 250
    static let heightLimit = 400
    static let tooDeep = "nesting too deep"

    init(_ source: String, file: String, options: ParseOptions) throws(RegoError) {
        var lexer = Lexer(source, file: file)
        try lexer.run()
        bytes = lexer.bytes
        tokens = lexer.tokens
        comments = lexer.comments
        self.file = file
        isFuture = options.v0 && options.futureKeywords
        isV0 = options.v0
        keywords = options.v0 && !options.futureKeywords ? [] : .all
    }

    /// The token at the cursor.
    var token: Token { tokens[index] }

    /// Its kind; words that are not keywords here are identifiers.
    var kind: Token.Kind { kind(at: index) }

    func kind(at index: Int) -> Token.Kind {
        let kind = tokens[min(index, tokens.count - 1)].kind
        let keyword: Keywords
        switch kind {
        case .in: keyword = .in
        case .every: keyword = .every
        case .contains: keyword = .contains
        case .if: keyword = .if
        default: return kind
        }
        return keywords.contains(keyword) ? kind : .identifier
    }

    /// Whether the token at the cursor stands right behind the one before.
    var isAdjacent: Bool { !token.followsSpace }

    mutating func advance() {
        if index + 1 < tokens.count { index += 1 }
        steps += 1
    }

    /// Goes over a token of a kind, when it is next.
    mutating func take(_ kind: Token.Kind) -> Bool {
        guard self.kind == kind else { return false }
        advance()
        return true
    }

    /// Goes one level down; the caller takes `depth` back.
    mutating func enter() throws(RegoError) {
        guard depth < Self.depthLimit else { throw error(Self.tooDeep) }
        guard steps < 16 * tokens.count + 4096 else { throw error("too complex to parse") }
        depth += 1
    }

    /// Notes that a term stands above others of a height.
    mutating func grow(above height: Int) throws(RegoError) {
        guard height < Self.heightLimit else { throw error(Self.tooDeep) }
        self.height = height + 1
    }

    /// The bytes of a token.
    func bytes(of token: Token) -> ArraySlice<UInt8> { bytes[Int(token.start)..<Int(token.end)] }

    func text(of token: Token) -> String { String(decoding: bytes(of: token), as: UTF8.self) }

    /// The place from the token at `mark` to the last token that was read.
    func location(from mark: Int) -> Location {
        let (first, last) = (tokens[mark], tokens[max(index - 1, mark)])
        return Location(
            file: file, row: Int(first.row), column: Int(first.column), offset: Int(first.start),
            length: Int(last.end - first.start))
    }

    /// The place of the token at the cursor.
    var here: Location {
        Location(
            file: file, row: Int(token.row), column: Int(token.column), offset: Int(token.start),
            length: Int(token.end - token.start))
    }

    /// An error without its snippet, since many are only the end of a try.
    func error(_ message: String, at location: Location? = nil) -> RegoError {
        RegoError("rego_parse_error", message, location ?? here)
    }

    /// Goes back to an earlier token, after a try that came to nothing.
    mutating func restore(index: Int, wildcards: Int) {
        steps += 8
        self.index = index
        self.wildcards = wildcards
    }

    /// The error that the token at the cursor cannot stand there.
    func unexpected(_ note: String = "") -> RegoError {
        let what = "unexpected \(kind.rawValue) \(kind.isKeyword ? "keyword" : "token")"
        return error(note.isEmpty ? what : "\(what): \(note)")
    }

    mutating func expect(_ kind: Token.Kind, _ note: String) throws(RegoError) {
        guard take(kind) else { throw unexpected(note) }
    }

    /// A variable's name, with a name of its own for `_`.
    mutating func variable() -> String {
        let name = text(of: token)
        advance()
        guard name == "_" else { return name }
        wildcards += 1
        return "$\(wildcards - 1)"
    }
}
