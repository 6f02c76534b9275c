extension JSONValue {
    /// The one serialisation that RFC 8785 gives this value.
    ///
    /// Numbers are written as ECMAScript writes doubles, so integers beyond 2^53 are rounded: values that are signed or
    /// hashed must not need them. A number that is not finite (it cannot come from a parser) is written as `null`.
    public var canonicalBytes: [UInt8] {
        var output: [UInt8] = []
        write(into: &output, indent: nil)
        return output
    }

    /// ``canonicalBytes`` as text.
    public var canonicalText: String { String(decoding: canonicalBytes, as: UTF8.self) }

    /// The value for people: members sorted as in the canonical form, two spaces a level, no newline at the end.
    public var prettyText: String {
        var output: [UInt8] = []
        write(into: &output, indent: 0)
        return String(decoding: output, as: UTF8.self)
    }

    private func write(into output: inout [UInt8], indent: Int?) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let number):
            let isExact = number.magnitude <= 1 << 53 || indent != nil
            output.append(contentsOf: (isExact ? String(number) : ECMAScriptNumber.text(Double(number))).utf8)
        case .number(let number): output.append(contentsOf: ECMAScriptNumber.text(number).utf8)
        case .string(let text): Self.write(text, into: &output)
        case .array(let elements):
            Self.writeList(elements, open: "[", close: "]", into: &output, indent: indent) { element, output, inner in
                element.write(into: &output, indent: inner)
            }
        case .object(let members):
            let sorted = members.sorted { Self.precedes($0.key, $1.key) }
            Self.writeList(sorted, open: "{", close: "}", into: &output, indent: indent) { member, output, inner in
                Self.write(member.key, into: &output)
                output.append(contentsOf: (inner == nil ? ":" : ": ").utf8)
                member.value.write(into: &output, indent: inner)
            }
        }
    }

    /// Whether a name comes before another by its UTF-16 code units (RFC 8785, section 3.2.3).
    ///
    /// Bytes of UTF-8 have the same order, but for scalars of two code units: those come before U+E000.
    private static func precedes(_ left: String, _ right: String) -> Bool {
        var (lefts, rights) = (left.utf8.makeIterator(), right.utf8.makeIterator())
        while true {
            guard let theirs = rights.next() else { return false }
            guard let ours = lefts.next() else { return true }
            if ours == theirs { continue }
            let (isPair, isOtherPair) = (ours >= 0xF0, theirs >= 0xF0)
            return isPair != isOtherPair && min(ours, theirs) >= 0xEE ? isPair : ours < theirs
        }
    }

    private static func writeList<Element>(
        _ elements: [Element], open: String, close: String, into output: inout [UInt8], indent: Int?,
        _ write: (Element, inout [UInt8], Int?) -> Void
    ) {
        let inner = indent.map { $0 + 1 }
        output.append(contentsOf: open.utf8)
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            if let inner { newline(inner, into: &output) }
            write(element, &output, inner)
        }
        if let indent, !elements.isEmpty { newline(indent, into: &output) }
        output.append(contentsOf: close.utf8)
    }

    private static func newline(_ level: Int, into output: inout [UInt8]) {
        output.append(0x0A)
        output.append(contentsOf: repeatElement(0x20, count: 2 * level))
    }

    private static func write(_ text: String, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        // Most texts have nothing to escape: they are taken as they stand.
        let start = output.count
        output.append(contentsOf: text.utf8)
        let isPlain = output[start...].allSatisfy {
            $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain {
            output.append(UInt8(ascii: "\""))
            return
        }
        output.removeSubrange(start...)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x08: output.append(contentsOf: "\\b".utf8)
            case 0x09: output.append(contentsOf: "\\t".utf8)
            case 0x0A: output.append(contentsOf: "\\n".utf8)
            case 0x0C: output.append(contentsOf: "\\f".utf8)
            case 0x0D: output.append(contentsOf: "\\r".utf8)
            case 0..<0x20: output.append(contentsOf: "\\u00\(Hex.encode([byte]))".utf8)
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
