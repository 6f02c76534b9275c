import WireFormat

extension ByteReader {
    /// Reads a TPM2B: a big-endian 16-bit size and that many bytes.
    mutating func sized16BE(_ field: String) throws(WireError) -> [UInt8] {
        let start = offset
        let size = Int(try u16BE("\(field) size"))
        guard size <= remaining else {
            throw WireError(field: field, reason: "at byte \(start) needs \(size) bytes, \(remaining) are left")
        }
        return try bytes(size, field)
    }
}

extension ByteWriter {
    /// Writes a TPM2B; of more than 65,535 bytes only the first are written.
    mutating func sized16BE(_ content: [UInt8]) {
        let kept = content.prefix(Int(UInt16.max))
        u16BE(UInt16(truncatingIfNeeded: kept.count))
        append(kept)
    }
}
