import WireFormat

/// Cuts JSON into members, and texts into what they stand for: hex, base64, PEM, JSON again.
enum JSONDissection {
    static func dissect(_ bytes: [UInt8]) -> Node {
        var reader = Reader(bytes: bytes)
        guard let node = reader.value(0) else { return .bytes(bytes) }
        let rest = Array(bytes[reader.index...])
        return rest.isEmpty ? node : .list([node, .bytes(rest)], separator: [])
    }

    /// What a text in hex or base64 stands for.
    static func base64(_ text: [UInt8]) -> (bytes: [UInt8], armour: Armour)? {
        guard text.count >= 8 else { return nil }
        let word = String(decoding: text, as: UTF8.self)
        if text.count.isMultiple(of: 2), let bytes = try? Hex.decode(word, field: "text"),
            Hex.encode(bytes) == word
        {
            return (bytes, .hex)
        }
        if let bytes = try? Base64.decode(word, field: "text") { return (bytes, .base64) }
        if let bytes = try? Base64.decodeEither(word, field: "text") { return (bytes, .base64URL) }
        return nil
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        private mutating func skip() {
            while index < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[index]) { index += 1 }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            skip()
            guard index < bytes.count, bytes[index] == byte else { return false }
            index += 1
            return true
        }

        mutating func value(_ depth: Int) -> Node? {
            skip()
            guard depth < 24, index < bytes.count else { return nil }
            switch bytes[index] {
            case UInt8(ascii: "{"): return members(depth, UInt8(ascii: "{"), UInt8(ascii: "}"))
            case UInt8(ascii: "["):
                return numbers() ?? members(depth, UInt8(ascii: "["), UInt8(ascii: "]"))
            case UInt8(ascii: "\""): return text()
            default:
                let start = index
                while index < bytes.count, !Array(",]}: \n\r\t".utf8).contains(bytes[index]) { index += 1 }
                return start == index ? nil : .bytes(Array(bytes[start..<index]))
            }
        }

        /// A long list of small numbers stays in one piece: bytes, as some agents send them.
        private mutating func numbers() -> Node? {
            guard let end = bytes[index...].firstIndex(of: UInt8(ascii: "]")), end - index > 64 else { return nil }
            let content = Array(bytes[index + 1..<end])
            guard content.allSatisfy({ Array("0123456789, \n".utf8).contains($0) }) else { return nil }
            index = end + 1
            return .list([.bytes([UInt8(ascii: "[")]), .bytes(content), .bytes([UInt8(ascii: "]")])], separator: [])
        }

        private mutating func members(_ depth: Int, _ open: UInt8, _ close: UInt8) -> Node? {
            index += 1
            var nodes: [Node] = []
            while !take(close) {
                if !nodes.isEmpty { guard take(UInt8(ascii: ",")) else { return nil } }
                guard let first = value(depth + 1) else { return nil }
                guard open == UInt8(ascii: "{") else {
                    nodes.append(first)
                    continue
                }
                guard take(UInt8(ascii: ":")), let second = value(depth + 1) else { return nil }
                nodes.append(.list([first, second], separator: [UInt8(ascii: ":")]))
            }
            let list = Node.list(nodes, separator: [UInt8(ascii: ",")])
            return .list([.bytes([open]), list, .bytes([close])], separator: [])
        }

        private mutating func text() -> Node? {
            let start = index
            var content: [UInt8] = []
            index += 1
            while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
                    index += 1
                    content.append(bytes[index] == UInt8(ascii: "n") ? 0x0A : bytes[index])
                } else {
                    content.append(bytes[index])
                }
                index += 1
            }
            guard index < bytes.count else { return nil }
            index += 1
            if let first = content.first, Array("{[-".utf8).contains(first), content.count > 24 {
                return .armoured(.jsonText, Shape.any.dissect(content))
            }
            if TokenDissection.isToken(content) { return .armoured(.jsonText, TokenDissection.dissect(content)) }
            if let (inner, armour) = base64(content) {
                return .armoured(.jsonText, .armoured(armour, Shape.any.dissect(inner)))
            }
            return .bytes(Array(bytes[start..<index]))
        }
    }
}
