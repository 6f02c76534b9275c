import WireFormat

/// A public key's PEM block, whatever the length of its lines: cosign's users keep keys on one line, too.
enum PEMBlock {
    /// The DER content of the one `PUBLIC KEY` block in `text`.
    static func publicKey(_ text: String) throws(WireError) -> [UInt8] {
        let field = "public key"
        guard text.utf8.count <= 16 << 10, let begin = text.firstRange(of: "-----BEGIN PUBLIC KEY-----"),
            let end = text[begin.upperBound...].firstRange(of: "-----END PUBLIC KEY-----")
        else { throw WireError(field: field, reason: "not a PUBLIC KEY block in PEM") }
        let body = text[begin.upperBound..<end.lowerBound].utf8.filter { ![0x0A, 0x0D, 0x20, 0x09].contains($0) }
        return try Base64.decode(String(decoding: body, as: UTF8.self), field: field)
    }
}
