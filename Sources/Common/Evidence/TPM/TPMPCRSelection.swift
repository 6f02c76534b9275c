import WireFormat

/// The registers of one bank that a quote covers (TPM 2.0 Part 2, TPMS_PCR_SELECTION).
public struct TPMPCRSelection: Equatable, Sendable {
    /// The bank's algorithm identifier, which need not be a known one.
    public var algorithm: UInt16
    /// The bitmap as it stands: bit `i % 8` of byte `i / 8` selects register `i`.
    public var bitmap: [UInt8]

    /// The bank, if it is a known one.
    public var bank: TPMHash? { TPMHash(rawValue: algorithm) }

    /// The selected registers in ascending order, which is the order of the digest.
    public var registers: [Int] {
        bitmap.enumerated().flatMap { index, byte in
            (0..<8).filter { byte >> UInt8($0) & 1 == 1 }.map { index * 8 + $0 }
        }
    }

    /// The most bytes that a bitmap may have; TPMs have three.
    static let bitmapLimit = 32
    /// The most selections in one quote; there is one a bank.
    static let countLimit = 16

    /// Selects registers of a bank; the bitmap has at least three bytes.
    public init(bank: TPMHash, registers: Set<UInt8>) {
        algorithm = bank.rawValue
        bitmap = Array(repeating: 0, count: max(3, Int(registers.max() ?? 0) / 8 + 1))
        for register in registers { bitmap[Int(register / 8)] |= 1 << (register % 8) }
    }

    init(reading reader: inout ByteReader, _ field: String) throws(WireError) {
        algorithm = try reader.u16BE("\(field) hash")
        let size = Int(try reader.u8("\(field) size"))
        guard size <= Self.bitmapLimit else {
            throw WireError(field: "\(field) size", reason: "at byte \(reader.offset - 1) exceeds \(Self.bitmapLimit)")
        }
        bitmap = try reader.bytes(size, "\(field) bitmap")
    }

    func write(to writer: inout ByteWriter) {
        writer.u16BE(algorithm)
        writer.u8(UInt8(truncatingIfNeeded: bitmap.count))
        writer.append(bitmap)
    }

    static func list(reading reader: inout ByteReader, _ field: String) throws(WireError) -> [TPMPCRSelection] {
        let count = try reader.u32BE("\(field) count")
        guard count <= countLimit else {
            throw WireError(field: "\(field) count", reason: "at byte \(reader.offset - 4) exceeds \(countLimit)")
        }
        var selections: [TPMPCRSelection] = []
        for index in 0..<Int(count) { selections.append(try TPMPCRSelection(reading: &reader, "\(field) \(index)")) }
        return selections
    }
}
