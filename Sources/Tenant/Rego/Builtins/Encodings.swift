/// `base64.*`, `base64url.*`, `hex.*` and `urlquery.*`.
///
/// Decoded bytes that are not UTF-8 become replacement characters: a Rego string here is always text.
extension Builtin {
    static let encodings: [Builtin] = [
        encoder("base64.encode") { Base64.standard.encode($0) },
        encoder("base64url.encode") { Base64.url.encode($0) },
        encoder("base64url.encode_no_pad") { Base64.url.encode($0, padded: false) },
        encoder("hex.encode") { $0.flatMap { [ASCII.hexDigits[Int($0 >> 4)], ASCII.hexDigits[Int($0 & 15)]] }.string },
        encoder("urlquery.encode") { URLQuery.escape($0) },
        plain("base64.decode", 1) { (a: [Value]) throws(Failure) -> Value? in
            try decoded(Base64.standard.decode(a.string(1)))
        },
        plain("base64.is_valid", 1) { (a: [Value]) throws(Failure) -> Value? in
            guard case .string(let text) = a.operand(1) else { return .bool(false) }
            return .bool(Base64.standard.decode(text.string).wrongAt == nil)
        },
        plain("base64url.decode", 1) { (a: [Value]) throws(Failure) -> Value? in
            var text = try a.string(1)
            if text.utf8.last != 61 {
                switch text.utf8.count % 4 {
                case 0: break
                case 1: throw .builtin("illegal base64url string: \(text)")
                case let rest: text += String(repeating: "=", count: 4 - rest)
                }
            }
            return try decoded(Base64.url.decode(text))
        },
        plain("hex.decode", 1) { (a: [Value]) throws(Failure) -> Value? in try .string(hexDecode(a.string(1)).string) },
        plain("urlquery.decode", 1) { (a: [Value]) throws(Failure) -> Value? in
            switch URLQuery.unescape(try a.string(1).utf8) {
            case .success(let bytes): return .string(bytes.string)
            case .failure(let error): throw .builtin(error.text)
            }
        },
        Builtin("urlquery.encode_object", 1, encodeObject),
        Builtin("urlquery.decode_object", 1, decodeObject),
    ]

    private static func encoder(_ name: String, _ encode: @escaping @Sendable ([UInt8]) -> String) -> Builtin {
        Builtin(name, 1) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let text = try a.string(1)
            try c.grow(text.utf8.count * 2)
            return .string(encode(Array(text.utf8)))
        }
    }

    private static func decoded(_ result: (bytes: [UInt8], wrongAt: Int?)) throws(Failure) -> Value? {
        if let place = result.wrongAt { throw .builtin("illegal base64 data at input byte \(place)") }
        return .string(result.bytes.string)
    }

    private static func hexDecode(_ text: String) throws(Failure) -> [UInt8] {
        let digits = Array(text.utf8)
        var bytes: [UInt8] = []
        for (index, digit) in digits.enumerated() {
            guard let value = ASCII.hexValue(digit) else {
                throw .builtin(
                    "encoding/hex: invalid byte: "
                        + GoFormatted.text(.integer(BigInteger(Int(digit)), fits: true), 85, .sharpFlags))
            }
            if index % 2 == 0 { bytes.append(value << 4) } else { bytes[bytes.count - 1] |= value }
        }
        if digits.count % 2 == 1 { throw .builtin("encoding/hex: odd length hex string") }
        return bytes
    }

    private static func encodeObject(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let mistake = Failure.operand(1, "values must be string, array[string], or set[string]")
        var parts: [String] = []
        let object = try arguments.object(1)
        for (key, value) in zip(object.keys, object.values) {
            guard case .string(let name) = key else { throw mistake }
            let members: [Value]
            switch value {
            case .string: members = [value]
            case .array(let array): members = array
            case .set(let set): members = set.members
            default: throw mistake
            }
            for member in members {
                guard case .string(let text) = member else { throw mistake }
                try context.grow((name.string.utf8.count + text.string.utf8.count) * 3)
                parts.append(
                    URLQuery.escape(Array(name.string.utf8)) + "=" + URLQuery.escape(Array(text.string.utf8)))
            }
        }
        return .string(parts.joined(separator: "&"))
    }

    private static func decodeObject(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        let query = Array(try arguments.string(1).utf8)
        try context.charge(query.count)
        var found: [Text: [Value]] = [:]
        for part in query.split(separator: 38) {
            if part.contains(59) { throw .builtin("invalid semicolon separator in query") }
            let name = part.prefix { $0 != 61 }
            switch (URLQuery.unescape(name), URLQuery.unescape(part.dropFirst(name.count + 1))) {
            case (.success(let key), .success(let value)):
                found[Text(key.string), default: []].append(.string(value.string))
            case (.failure(let error), _), (_, .failure(let error)): throw .builtin(error.text)
            }
        }
        return .object(ObjectValue(found.map { (key: .string($0.key), value: .array($0.value)) }))
    }
}

extension GoFormat.Flags {
    fileprivate static var sharpFlags: Self {
        var flags = Self()
        flags.sharp = true
        return flags
    }
}

/// Query escapes: `+` and `%41`.
enum URLQuery {
    /// Why text is no query.
    struct Mistake: Error {
        var text: String
    }

    static func escape(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        for byte in bytes {
            if ASCII.isAlphanumeric(byte) || "-_.~".utf8.contains(byte) {
                result.append(byte)
            } else if byte == 32 {
                result.append(43)
            } else {
                result += [37, ASCII.upperHexDigits[Int(byte >> 4)], ASCII.upperHexDigits[Int(byte & 15)]]
            }
        }
        return result.string
    }

    static func unescape(_ text: some Sequence<UInt8>) -> Result<[UInt8], Mistake> {
        let text = Array(text)
        var result: [UInt8] = []
        var index = 0
        while index < text.count {
            if text[index] == 37 {
                guard index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]),
                    let low = ASCII.hexValue(text[index + 2])
                else {
                    let part = text[index...].prefix(3).string
                    return .failure(Mistake(text: "invalid URL escape \(GoQuote.quote(part))"))
                }
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(text[index] == 43 ? 32 : text[index])
                index += 1
            }
        }
        return .success(result)
    }
}
