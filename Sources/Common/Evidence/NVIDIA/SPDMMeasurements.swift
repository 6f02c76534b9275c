import WireFormat

/// An NVIDIA GPU's report: a request for signed measurements and its response (SPDM 1.1, DMTF DSP0274), neither of them trusted.
///
/// ``bytes`` gives back exactly what was parsed.
public struct SPDMMeasurements: Equatable, Sendable {
    /// One measurement of the device (DMTF specification of measurement blocks).
    public struct Block: Equatable, Sendable {
        /// Its number, from 1 on.
        public var index: UInt8
        /// The specification that it follows; 1 for DMTF.
        public var specification: UInt8
        /// What was measured.
        public var valueType: UInt8
        /// The measurement.
        public var value: [UInt8]
    }

    /// One item of the vendor's part.
    public struct Item: Equatable, Sendable {
        /// What it is, by NVIDIA's number.
        public var type: UInt16
        /// Its bytes.
        public var value: [UInt8]
    }

    /// The request: version, code, two parameters, 32 bytes of nonce and the slot of the certificate chain (37 bytes).
    public var request: [UInt8]
    /// Version, code and two parameters of the response (4 bytes).
    public var responseHeader: [UInt8]
    /// The measurements.
    public var blocks: [Block]
    /// The device's nonce (32 bytes).
    public var deviceNonce: [UInt8]
    /// The vendor's part.
    public var items: [Item]
    /// ECDSA P-384 over all before it (96 bytes, r and s big-endian).
    public var signature: [UInt8]
    /// What follows; some agents add a line break.
    public var trailing: [UInt8]

    /// The nonce of the request (32 bytes).
    public var nonce: [UInt8] { Array(request[4..<36]) }

    private static let requestLength = 37
    private static let sizeLimit = 64 * 1024

    /// Parses request and response.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "SPDM", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var reader = ByteReader(bytes)
        request = try reader.bytes(Self.requestLength, "request")
        guard request[0] == 0x11, request[1] == 0xE0 else {
            throw WireError(field: "request", reason: "at byte 0 is not GET_MEASUREMENTS of SPDM 1.1")
        }
        responseHeader = try reader.bytes(4, "response")
        guard responseHeader[0] == 0x11, responseHeader[1] == 0x60 else {
            throw WireError(field: "response", reason: "at byte 37 is not MEASUREMENTS of SPDM 1.1")
        }
        let count = Int(try reader.u8("block count"))
        let length = try Self.u24(&reader, "record length")
        var record = ByteReader(try reader.bytes(length, "measurement record"))
        blocks = []
        for _ in 0..<count {
            let index = try record.u8("block index")
            let specification = try record.u8("block specification")
            let size = Int(try record.u16LE("block size"))
            var block = ByteReader(try record.bytes(size, "block"))
            let valueType = try block.u8("value type")
            let valueSize = Int(try block.u16LE("value size"))
            let value = try block.bytes(valueSize, "value")
            try block.finish()
            blocks.append(Block(index: index, specification: specification, valueType: valueType, value: value))
        }
        try record.finish()
        deviceNonce = try reader.bytes(32, "device nonce")
        var opaque = ByteReader(try reader.bytes(Int(try reader.u16LE("opaque length")), "opaque data"))
        items = []
        while opaque.remaining > 0 {
            let type = try opaque.u16LE("item type")
            items.append(
                Item(type: type, value: try opaque.bytes(Int(try opaque.u16LE("item length")), "item")))
        }
        signature = try reader.bytes(96, "signature")
        trailing = reader.rest()
    }

    private static func u24(_ reader: inout ByteReader, _ field: String) throws(WireError) -> Int {
        let bytes = try reader.bytes(3, field)
        return Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
    }

    /// Request and response as bytes.
    public var bytes: [UInt8] {
        var record = ByteWriter()
        for block in blocks {
            record.u8(block.index)
            record.u8(block.specification)
            record.u16LE(UInt16(truncatingIfNeeded: block.value.count + 3))
            record.u8(block.valueType)
            record.u16LE(UInt16(truncatingIfNeeded: block.value.count))
            record.append(block.value)
        }
        var opaque = ByteWriter()
        for item in items {
            opaque.u16LE(item.type)
            opaque.u16LE(UInt16(truncatingIfNeeded: item.value.count))
            opaque.append(item.value)
        }
        var writer = ByteWriter()
        writer.append(request)
        writer.append(responseHeader)
        writer.u8(UInt8(truncatingIfNeeded: blocks.count))
        for shift in [0, 8, 16] { writer.u8(UInt8(truncatingIfNeeded: record.bytes.count >> shift)) }
        writer.append(record.bytes)
        writer.append(deviceNonce)
        writer.u16LE(UInt16(truncatingIfNeeded: opaque.bytes.count))
        writer.append(opaque.bytes)
        writer.append(signature)
        writer.append(trailing)
        return writer.bytes
    }

    /// The bytes of the vendor's item of a type.
    public func item(_ type: UInt16) -> [UInt8]? { items.first { $0.type == type }?.value }
}
