import WireFormat

/// A boot log in the TCG's crypto-agile form: that of TCG2 firmware for a TPM, and that of a CCEL for TDX.
///
/// ``bytes`` gives back exactly what was parsed, what follows the last record included.
public struct BootEventLog: Equatable, Sendable {
    /// An algorithm of the log and the length of its digests.
    public struct Algorithm: Equatable, Sendable {
        /// The TCG's identifier.
        public var identifier: UInt16
        /// The number of bytes of a digest.
        public var length: UInt16
    }

    /// The register that the first record names; it is not extended.
    public var headerRegister: UInt32
    /// Platform class, version and size of integers, as in the first record (8 bytes).
    public var specification: [UInt8]
    /// The algorithms that records may use.
    public var algorithms: [Algorithm]
    /// The vendor's part of the first record.
    public var vendorInfo: [UInt8]
    /// The records after the first.
    public var events: [BootEvent]
    /// What follows the end marker: padding of the log area. Nothing vouches for it.
    public var padding: [UInt8]

    /// The most bytes of a log area.
    public static let sizeLimit = 4 << 20
    private static let signature = Array("Spec ID Event03\0".utf8)
    private static let eventLimit = 32_768
    private static let algorithmLimit = 16
    private static let digestLimit = 64

    /// Parses a log area.
    public init(parsing area: [UInt8]) throws(WireError) {
        guard area.count <= Self.sizeLimit else {
            throw WireError(field: "event log", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var reader = ByteReader(area)
        headerRegister = try reader.u32LE("header register")
        guard try reader.u32LE("header type") == EventType.noAction.rawValue else {
            throw WireError(field: "header type", reason: "at byte 4 is not EV_NO_ACTION")
        }
        try reader.zeros(20, "header digest")
        let size = Int(try reader.u32LE("header size"))
        var header = ByteReader(try reader.bytes(size, "header"))
        guard try header.bytes(16, "header signature") == Self.signature else {
            throw WireError(field: "header signature", reason: "at byte 32 is not Spec ID Event03")
        }
        specification = try header.bytes(8, "header specification")
        let count = Int(try header.u32LE("algorithm count"))
        guard (1...Self.algorithmLimit).contains(count) else {
            throw WireError(field: "algorithm count", reason: "is not from 1 to \(Self.algorithmLimit)")
        }
        algorithms = []
        for _ in 0..<count {
            let algorithm = Algorithm(
                identifier: try header.u16LE("algorithm"), length: try header.u16LE("digest length"))
            guard (1...Self.digestLimit).contains(Int(algorithm.length)),
                TPMHash(rawValue: algorithm.identifier).map({ $0.length == Int(algorithm.length) }) ?? true,
                !algorithms.contains(where: { $0.identifier == algorithm.identifier })
            else {
                throw WireError(field: "algorithm", reason: "\(algorithm.identifier) has a wrong length or comes twice")
            }
            algorithms.append(algorithm)
        }
        vendorInfo = try header.bytes(Int(try header.u8("vendor info size")), "vendor info")
        try header.finish()
        events = []
        padding = []
        while reader.remaining > 0 {
            let start = reader.offset
            if Self.isEnd(area, at: start) {
                padding = reader.rest()
                break
            }
            guard events.count < Self.eventLimit else {
                throw WireError(field: "event log", reason: "has more than \(Self.eventLimit) events")
            }
            do throws(WireError) {
                events.append(try event(&reader))
            } catch {
                throw WireError(field: "event \(events.count) at byte \(start)", reason: error.description)
            }
        }
    }

    /// Whether no record begins here: the area is filled up with ones or zeros, of which a record's head has 12 bytes.
    private static func isEnd(_ area: [UInt8], at offset: Int) -> Bool {
        let head = area[offset...].prefix(12)
        return head.allSatisfy { $0 == 0xFF } || head.allSatisfy { $0 == 0 }
    }

    private func event(_ reader: inout ByteReader) throws(WireError) -> BootEvent {
        let register = try reader.u32LE("register")
        let type = EventType(rawValue: try reader.u32LE("type"))
        let count = Int(try reader.u32LE("digest count"))
        guard count <= algorithms.count else {
            throw WireError(field: "digest count", reason: "\(count) is more than the log has algorithms")
        }
        var digests: [BootEvent.Digest] = []
        for _ in 0..<count {
            let identifier = try reader.u16LE("digest algorithm")
            guard let algorithm = algorithms.first(where: { $0.identifier == identifier }),
                !digests.contains(where: { $0.algorithm == identifier })
            else { throw WireError(field: "digest algorithm", reason: "\(identifier) is not expected here") }
            digests.append(
                BootEvent.Digest(algorithm: identifier, bytes: try reader.bytes(Int(algorithm.length), "digest")))
        }
        let size = Int(try reader.u32LE("event size"))
        return BootEvent(
            register: register, type: type, digests: digests, data: try reader.bytes(size, "event data"))
    }

    /// The log area.
    public var bytes: [UInt8] {
        var header = ByteWriter()
        header.append(Self.signature)
        header.append(specification)
        header.u32LE(UInt32(truncatingIfNeeded: algorithms.count))
        for algorithm in algorithms {
            header.u16LE(algorithm.identifier)
            header.u16LE(algorithm.length)
        }
        header.u8(UInt8(truncatingIfNeeded: vendorInfo.count))
        header.append(vendorInfo)
        var writer = ByteWriter()
        writer.u32LE(headerRegister)
        writer.u32LE(EventType.noAction.rawValue)
        writer.append(repeatElement(0, count: 20))
        writer.u32LE(UInt32(truncatingIfNeeded: header.bytes.count))
        writer.append(header.bytes)
        for event in events {
            writer.u32LE(event.register)
            writer.u32LE(event.type.rawValue)
            writer.u32LE(UInt32(truncatingIfNeeded: event.digests.count))
            for digest in event.digests {
                writer.u16LE(digest.algorithm)
                writer.append(digest.bytes)
            }
            writer.u32LE(UInt32(truncatingIfNeeded: event.data.count))
            writer.append(event.data)
        }
        writer.append(padding)
        return writer.bytes
    }
}
