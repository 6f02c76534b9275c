import WireFormat

extension SNPReport {
    /// What a security processor puts into a report; the rest is zero.
    ///
    /// Only the software stand-in composes reports. It has version 3, VMPL 0, the chip's own key, and no signature yet.
    public static func composed(
        reportData: [UInt8], measurement: LaunchMeasurement, hostData: [UInt8], policy: GuestPolicy, chipID: [UInt8],
        reportID: [UInt8], processor: Processor, tcb: TCBVersion, firmware: FirmwareVersion
    ) throws(WireError) -> SNPReport {
        var writer = ByteWriter()
        writer.u32LE(3)
        writer.pad(to: 0x008)
        writer.u64LE(policy.rawValue)
        writer.pad(to: 0x034)
        writer.u32LE(1)
        writer.append(tcb.bytes)
        writer.pad(to: 0x050)
        try Self.append(reportData, 64, "report data", to: &writer)
        writer.append(measurement.bytes)
        try Self.append(hostData, 32, "host data", to: &writer)
        writer.pad(to: 0x140)
        try Self.append(reportID, 32, "report ID", to: &writer)
        writer.append([UInt8](repeating: 0xFF, count: 32))
        writer.append(tcb.bytes)
        writer.append([processor.family, processor.model, processor.stepping])
        writer.pad(to: 0x1A0)
        try Self.append(chipID, 64, "chip ID", to: &writer)
        writer.append(tcb.bytes)
        for _ in 0..<2 { writer.append([firmware.build, firmware.minor, firmware.major, 0]) }
        writer.append(tcb.bytes)
        writer.pad(to: length)
        return try SNPReport(parsing: writer.bytes)
    }

    /// Puts in an ECDSA P-384 signature given as two big-endian numbers of 48 bytes each.
    public mutating func setSignature(bigEndian signature: [UInt8]) throws(WireError) {
        guard signature.count == 96 else { throw WireError(field: "signature", reason: "must be 96 bytes") }
        let padding = [UInt8](repeating: 0, count: 24)
        signatureR = signature[..<48].reversed() + padding
        signatureS = signature[48...].reversed() + padding
    }

    /// The signature as two big-endian numbers of 48 bytes each; nil when a number is zero or too long.
    public var bigEndianSignature: [UInt8]? {
        var joined: [UInt8] = []
        for number in [signatureR, signatureS] {
            guard number.count == 72, number[48...].allSatisfy({ $0 == 0 }) else { return nil }
            guard number.contains(where: { $0 != 0 }) else { return nil }
            joined += number[..<48].reversed()
        }
        return joined
    }

    private static func append(
        _ bytes: [UInt8], _ count: Int, _ field: String, to writer: inout ByteWriter
    ) throws(WireError) {
        guard bytes.count == count else { throw WireError(field: field, reason: "must be \(count) bytes") }
        writer.append(bytes)
    }
}
