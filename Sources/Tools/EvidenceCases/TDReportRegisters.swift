import WireFormat

/// The RTMRs at their places in a TDX quote, for cases that compare a log with them.
enum TDReportRegisters {
    private static let tdx: UInt32 = 0x81
    private static let rtmrOffset = 328

    /// The four RTMRs of a quote of version 4 or 5; nothing else of it is looked at.
    static func rtmrs(inQuote quote: [UInt8]) throws(WireError) -> [[UInt8]] {
        var reader = ByteReader(quote)
        let version = try reader.u16LE("quote version")
        _ = try reader.u16LE("attestation key type")
        guard version == 4 || version == 5, try reader.u32LE("TEE type") == tdx else {
            throw WireError(field: "quote version", reason: "is not a TDX quote of version 4 or 5")
        }
        _ = try reader.bytes(40, "quote header")
        if version == 5 {
            let type = try reader.u16LE("body type")
            guard type == 2 || type == 3 else { throw WireError(field: "body type", reason: "is not a TD report") }
            _ = try reader.u32LE("body size")
        }
        _ = try reader.bytes(rtmrOffset, "TD report")
        var rtmrs: [[UInt8]] = []
        for index in 0..<4 { rtmrs.append(try reader.bytes(48, "RTMR \(index)")) }
        return rtmrs
    }
}
