import Rego

/// An address of four or sixteen bytes as text.
enum IPAddress {
    static func text(_ bytes: [UInt8]) -> String {
        if bytes.count == 4 { return bytes.map { "\($0)" }.joined(separator: ".") }
        guard bytes.count == 16 else { return "" }
        let groups = stride(from: 0, to: 16, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
        // The longest run of two or more zero groups is left out.
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        func hex(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? hex(0..<8) : "\(hex(0..<best.lowerBound))::\(hex(best.upperBound..<8))"
    }
}

/// An address of the web, in its parts as Go's `url.URL` has them.
struct URLText {
    var scheme = ""
    var opaque = ""
    var host = ""
    var path = ""
    var query = ""
    var fragment = ""

    init(_ text: String) {
        var rest = text[...]
        if let mark = rest.firstIndex(of: "#") {
            fragment = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        if let colon = rest.firstIndex(of: ":"),
            rest[..<colon].allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }),
            rest.first?.isLetter ?? false
        {
            scheme = rest[..<colon].lowercased()
            rest = rest[rest.index(after: colon)...]
        }
        if let mark = rest.firstIndex(of: "?") {
            query = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        if !scheme.isEmpty, !rest.hasPrefix("/"), !rest.isEmpty {
            opaque = String(rest)
            return
        }
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            host = String(rest[..<slash])
            rest = rest[slash...]
        }
        path = String(rest)
    }

    /// As Go prints it as JSON.
    var value: Value {
        var fields = Fields()
        fields.add("Scheme", .string(scheme))
        fields.add("Opaque", .string(opaque))
        fields.addNull("User")
        fields.add("Host", .string(host))
        fields.add("Path", .string(path))
        fields.add("RawPath", .string(""))
        fields.add("OmitHost", .bool(false))
        fields.add("ForceQuery", .bool(false))
        fields.add("RawQuery", .string(query))
        fields.add("Fragment", .string(fragment))
        fields.add("RawFragment", .string(""))
        return fields.value
    }
}
