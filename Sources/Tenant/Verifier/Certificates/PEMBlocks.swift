import WireFormat

/// Certificates in PEM, one after the other, as Intel strings its chains together (RFC 7468).
///
/// The blocks are found first and decoded on demand, so that a certificate that is known already need not be read again.
struct PEMBlocks {
    private static let opening = Array("-----BEGIN CERTIFICATE-----".utf8)
    private static let closing = Array("-----END CERTIFICATE-----".utf8)
    private static let limit = 8
    private static let sizeLimit = 64 * 1024

    /// The base64 of every certificate with its line breaks, as it stands between the two lines.
    let bodies: [[UInt8]]
    private let field: String

    /// Finds the blocks. Between and after them only line breaks may stand, and zeros at the very end.
    init(_ text: [UInt8], _ field: String) throws(WireError) {
        guard text.count <= Self.sizeLimit else {
            throw WireError(field: field, reason: "exceeds \(Self.sizeLimit) bytes")
        }
        self.field = field
        var bodies: [[UInt8]] = []
        var offset = 0
        func matches(_ label: [UInt8], at position: Int) -> Bool {
            label.count <= text.count - position && text[position..<position + label.count].elementsEqual(label)
        }
        while true {
            while offset < text.count, text[offset] == 0x0A || text[offset] == 0x0D { offset += 1 }
            if text[offset...].allSatisfy({ $0 == 0 }) { break }
            guard matches(Self.opening, at: offset) else {
                throw WireError(field: field, reason: "has no certificate in PEM at byte \(offset)")
            }
            guard bodies.count < Self.limit else { throw WireError(field: field, reason: "has too many certificates") }
            let start = offset + Self.opening.count
            guard let dash = text[start...].firstIndex(of: UInt8(ascii: "-")), matches(Self.closing, at: dash) else {
                throw WireError(field: field, reason: "has no end of the certificate at byte \(offset)")
            }
            bodies.append(Array(text[start..<dash]))
            offset = dash + Self.closing.count
        }
        self.bodies = bodies
    }

    /// The DER of the certificate at `index`, which must be below the count of ``bodies``.
    func der(_ index: Int) throws(WireError) -> [UInt8] {
        let digits = bodies[index].filter { $0 != 0x0A && $0 != 0x0D }
        return try Base64.decode(String(decoding: digits, as: UTF8.self), field: field)
    }
}
