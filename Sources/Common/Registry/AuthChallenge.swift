/// The content of a `WWW-Authenticate` header of a registry.
struct AuthChallenge: Equatable {
    enum Scheme: Equatable { case basic, bearer }

    let scheme: Scheme
    let parameters: [String: String]

    /// Parses one challenge: a scheme and comma-separated `name=value` or `name="value"` pairs.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= 4096 else { return nil }
        let word = bytes.prefix { $0 != 0x20 }
        switch String(decoding: word, as: UTF8.self).lowercased() {
        case "basic": self.scheme = .basic
        case "bearer": self.scheme = .bearer
        default: return nil
        }
        var parameters: [String: String] = [:]
        var rest = bytes.dropFirst(word.count)
        while true {
            rest = rest.drop { $0 == 0x20 || $0 == 0x2C }
            if rest.isEmpty { break }
            guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let name = String(decoding: rest[..<equals], as: UTF8.self).lowercased()
            rest = rest[(equals + 1)...]
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                while let byte = rest.first, byte != UInt8(ascii: "\"") {
                    rest = rest.dropFirst()
                    if byte == UInt8(ascii: "\\"), let escaped = rest.first {
                        value.append(escaped)
                        rest = rest.dropFirst()
                    } else {
                        value.append(byte)
                    }
                }
                guard rest.first == UInt8(ascii: "\"") else { return nil }
                rest = rest.dropFirst()
            } else {
                value = Array(rest.prefix { $0 != 0x2C && $0 != 0x20 })
                rest = rest.dropFirst(value.count)
            }
            guard parameters.updateValue(String(decoding: value, as: UTF8.self), forKey: name) == nil else {
                return nil
            }
        }
        self.parameters = parameters
    }
}

/// Writes text for use in a query.
func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
        default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0x0F)]]
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
