import WireFormat

/// Cuts tokens at their dots, and what lies in base64url between them.
enum TokenDissection {
    static func dissect(_ bytes: [UInt8]) -> Node {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { part -> Node in
            guard part.count >= 8,
                let inner = try? Base64.decodeURL(String(decoding: part, as: UTF8.self), field: "part")
            else { return .bytes(Array(part)) }
            return .armoured(.base64URL, Shape.any.dissect(inner))
        }
        return .list(parts, separator: [UInt8(ascii: ".")])
    }

    /// Whether there are three parts or more of the alphabet.
    static func isToken(_ bytes: [UInt8]) -> Bool {
        bytes.count > 24 && bytes.count { $0 == UInt8(ascii: ".") } >= 2
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
