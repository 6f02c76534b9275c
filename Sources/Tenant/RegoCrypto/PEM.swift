import Rego

/// One block of armoured text.
struct PEM {
    let type: String
    let bytes: [UInt8]

    /// Whether bytes begin as armour does.
    static func starts(_ bytes: some Sequence<UInt8>) -> Bool { bytes.starts(with: "-----BEGIN".utf8) }

    /// The first block at or after the start of a line, and what follows it. Blocks that are not whole are passed over.
    static func first(in text: ArraySlice<UInt8>) -> (block: PEM, rest: ArraySlice<UInt8>)? {
        var rest = text
        while !rest.isEmpty {
            let (line, after) = splitLine(rest)
            rest = after
            guard let type = label(of: line, "-----BEGIN ") else { continue }
            var body: [UInt8] = []
            var open = after
            while !open.isEmpty {
                let (line, after) = splitLine(open)
                open = after
                if let end = label(of: line, "-----END ") {
                    guard end == type else { break }
                    let decoded = Base64.standard.decode(String(decoding: body, as: UTF8.self))
                    guard decoded.wrongAt == nil else { break }
                    return (PEM(type: type, bytes: decoded.bytes), open)
                }
                // Headers are passed over.
                if !line.contains(UInt8(ascii: ":")) { body += line.filter { $0 != 32 && $0 != 9 } }
            }
        }
        return nil
    }

    private static func splitLine(_ text: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
        let end = text.firstIndex(of: 10) ?? text.endIndex
        var line = text[..<end]
        while let last = line.last, last == 32 || last == 9 || last == 13 { line.removeLast() }
        return (line, end < text.endIndex ? text[(end + 1)...] : text[end...])
    }

    private static func label(of line: ArraySlice<UInt8>, _ prefix: String) -> String? {
        let dashes = Array("-----".utf8)
        guard line.starts(with: prefix.utf8), line.suffix(5).elementsEqual(dashes),
            line.count >= prefix.utf8.count + 5
        else { return nil }
        return String(decoding: line.dropFirst(prefix.utf8.count).dropLast(5), as: UTF8.self)
    }
}
