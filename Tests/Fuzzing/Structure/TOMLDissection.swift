/// Cuts TOML into lines and these into words, texts and marks; texts of several lines are cut as documents again.
enum TOMLDissection {
    static func dissect(_ bytes: [UInt8], depth: Int = 0) -> Node {
        var lines: [Node] = []
        var line: [Node] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\n") {
                lines.append(.list(line, separator: []))
                line = []
                index += 1
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                line.append(text(bytes, &index, byte, depth))
            } else {
                let start = index
                while index < bytes.count, isWord(bytes[index]) { index += 1 }
                if index == start { index += 1 }
                line.append(.bytes(Array(bytes[start..<index])))
            }
        }
        lines.append(.list(line, separator: []))
        return .list(lines, separator: [UInt8(ascii: "\n")])
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"):
            true
        default: false
        }
    }

    /// A text from its first quote; one that does not end is bytes up to the end of the line.
    private static func text(_ bytes: [UInt8], _ index: inout Int, _ quote: UInt8, _ depth: Int) -> Node {
        let start = index
        let triple = [quote, quote, quote]
        let mark = bytes[start...].starts(with: triple) ? triple : [quote]
        index += mark.count
        while index < bytes.count, mark.count == 3 || bytes[index] != UInt8(ascii: "\n") {
            if bytes[index...].starts(with: mark) {
                let content = Array(bytes[start + mark.count..<index])
                index += mark.count
                let inner: Node = mark.count == 3 && depth < 3 ? dissect(content, depth: depth + 1) : .bytes(content)
                return .list([.bytes(mark), inner, .bytes(mark)], separator: [])
            }
            index += quote == UInt8(ascii: "\"") && bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        index = min(index, bytes.count)
        return .bytes(Array(bytes[start..<index]))
    }
}
