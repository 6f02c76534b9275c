import WireFormat

/// Text that stands for bytes.
package enum Armour: Sendable {
    case hex
    case base64
    case base64URL
    /// A PEM block with its label.
    case pem(label: String)
    /// A text within a JSON string, quotes included.
    case jsonText

    /// The text.
    package func encode(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .hex: return Array(Hex.encode(bytes).utf8)
        case .base64: return Array(Base64.encode(bytes).utf8)
        case .base64URL: return Array(Base64.encodeURL(bytes).utf8)
        case .pem(let label):
            return Array("-----BEGIN \(label)-----\n\(Base64.encode(bytes))\n-----END \(label)-----\n".utf8)
        case .jsonText:
            var text = [UInt8(ascii: "\"")]
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
                case UInt8(ascii: "\n"): text += Array("\\n".utf8)
                default: text.append(byte)
                }
            }
            return text + [UInt8(ascii: "\"")]
        }
    }
}
