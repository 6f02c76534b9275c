/// What one input holds: a byte of flags, the modules, data, the input document and the query.
///
/// 0xFF ends a part and 0xFE a module: bytes that UTF-8 has not got, so that any bytes are an input.
struct FuzzCase {
    /// What the flags of an input choose.
    struct Flags: OptionSet {
        let rawValue: UInt8
        static let v0 = Flags(rawValue: 1)
        static let strict = Flags(rawValue: 2)
        static let strictBuiltinErrors = Flags(rawValue: 4)
        static let hoistsNegation = Flags(rawValue: 8)
        static let futureKeywords = Flags(rawValue: 16)
        static let explains = Flags(rawValue: 32)
    }

    var flags: Flags
    var modules: [[UInt8]]
    var data: [UInt8]
    var input: [UInt8]
    var query: [UInt8]

    private static let partEnd: UInt8 = 0xFF
    private static let moduleEnd: UInt8 = 0xFE

    init(flags: Flags, modules: [[UInt8]], data: [UInt8], input: [UInt8], query: [UInt8]) {
        self.flags = flags
        self.modules = modules
        self.data = data
        self.input = input
        self.query = query
    }

    init(decoding bytes: [UInt8]) {
        flags = Flags(rawValue: bytes.first ?? 0)
        let parts = bytes.dropFirst().split(separator: Self.partEnd, maxSplits: 3, omittingEmptySubsequences: false)
        func part(_ number: Int) -> [UInt8] { number < parts.count ? Array(parts[number]) : [] }
        modules = part(0).split(separator: Self.moduleEnd, maxSplits: 7, omittingEmptySubsequences: true).map(
            Array.init)
        (data, input, query) = (part(1), part(2), part(3))
    }

    var encoded: [UInt8] {
        var bytes = [flags.rawValue]
        bytes += modules.joined(separator: [Self.moduleEnd])
        for part in [data, input, query] {
            bytes.append(Self.partEnd)
            bytes += part
        }
        return bytes
    }

    /// The case for people.
    var text: String {
        func decode(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let modules = modules.map { "--- module\n\(decode($0))\n" }.joined()
        return """
            --- flags \(String(flags.rawValue, radix: 2))
            \(modules)--- data
            \(decode(data))
            --- input
            \(decode(input))
            --- query
            \(decode(query))
            """
    }
}
