import Rego

/// Bytes as text and back.
enum Bytes {
    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether two strings of bytes are equal, in time that depends on their length alone.
    static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Base 64, padded.
    static func base64(_ bytes: some Sequence<UInt8>) -> Value { .string(Base64.standard.encode(Array(bytes))) }

    /// Base 64 for addresses, without padding.
    static func base64URL(_ bytes: some Sequence<UInt8>) -> String {
        Base64.url.encode(Array(bytes), padded: false)
    }

    static func base64(decoding text: String) throws(Builtin.Failure) -> [UInt8] {
        let decoded = Base64.standard.decode(text)
        if let place = decoded.wrongAt { throw .builtin("illegal base64 data at input byte \(place)") }
        return decoded.bytes
    }

    /// Base 64 for addresses, with or without padding.
    static func base64URL(decoding text: String) throws(Builtin.Failure) -> [UInt8] {
        var padded = text
        if !text.hasSuffix("=") {
            switch text.utf8.count % 4 {
            case 1: throw .builtin("illegal base64url string: \(text)")
            case 2: padded += "=="
            case 3: padded += "="
            default: break
            }
        }
        let decoded = Base64.url.decode(padded)
        if let place = decoded.wrongAt { throw .builtin("illegal base64 data at input byte \(place)") }
        return decoded.bytes
    }
}
