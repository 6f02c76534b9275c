import WireFormat

/// The report that Azure's paravisor (HCL) keeps in a vTPM: a hardware report and the runtime data that it is over.
///
/// The hardware report is kept as bytes: it is an SNP report, or a TDREPORT that is only good for its own machine. ``bytes`` gives
/// back exactly what was parsed.
public struct HCLReport: Equatable, Sendable {
    /// The hardware that a report is of.
    public enum Kind: UInt32, Sendable {
        /// AMD SEV-SNP.
        case snp = 2
        /// Virtualisation-based security: no hardware report.
        case vbs = 3
        /// Intel TDX.
        case tdx = 4
    }

    /// How the runtime data are hashed.
    public enum HashType: UInt32, Sendable {
        /// SHA-256.
        case sha256 = 1
        /// SHA-384.
        case sha384 = 2
        /// SHA-512.
        case sha512 = 3
    }

    /// The layout version: 1 or 2.
    public var version: UInt32
    /// What was asked for; 2 for a report.
    public var requestType: UInt32
    /// Bytes of the header without known meaning (16).
    public var reserved: [UInt8]
    /// The hardware's report, 1184 bytes; a TDREPORT has 1024 and zeros after it.
    public var hardwareReport: [UInt8]
    /// The version of the runtime data's header.
    public var runtimeVersion: UInt32
    /// The hardware.
    public var kind: Kind
    /// The hash of the runtime data.
    public var hashType: HashType
    /// The runtime data exactly as hashed: JSON.
    public var runtimeData: [UInt8]
    /// What follows; zeros to the end of the vTPM's index.
    public var trailing: [UInt8]

    /// The length of the part for the hardware report.
    public static let hardwareReportLength = 1184
    private static let magic = Array("HCLA".utf8)
    private static let runtimeHeaderLength = 20
    private static let headerLength = 32 + hardwareReportLength
    private static let sizeLimit = 64 * 1024

    /// Parses a report.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "HCL report", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var reader = ByteReader(bytes)
        guard try reader.bytes(4, "HCL magic") == Self.magic else {
            throw WireError(field: "HCL magic", reason: "at byte 0 is not HCLA")
        }
        version = try reader.u32LE("HCL version")
        guard version == 1 || version == 2 else {
            throw WireError(field: "HCL version", reason: "\(version) at byte 4 is not known")
        }
        let size = try reader.u32LE("HCL size")
        requestType = try reader.u32LE("HCL request type")
        guard requestType == 2 else {
            throw WireError(field: "HCL request type", reason: "\(requestType) at byte 12 is not a report")
        }
        reserved = try reader.bytes(16, "HCL reserved")
        hardwareReport = try reader.bytes(Self.hardwareReportLength, "hardware report")
        let dataSize = try reader.u32LE("runtime size")
        runtimeVersion = try reader.u32LE("runtime version")
        guard let kind = Kind(rawValue: try reader.u32LE("report type")) else {
            throw WireError(field: "report type", reason: "at byte 1224 is not known")
        }
        self.kind = kind
        guard let hashType = HashType(rawValue: try reader.u32LE("hash type")) else {
            throw WireError(field: "hash type", reason: "at byte 1228 is not known")
        }
        self.hashType = hashType
        let length = Int(try reader.u32LE("runtime data size"))
        runtimeData = try reader.bytes(length, "runtime data")
        guard Int(dataSize) == length + Self.runtimeHeaderLength,
            Int(size) == length + Self.runtimeHeaderLength + Self.headerLength
        else { throw WireError(field: "HCL size", reason: "at byte 8 does not fit the runtime data's size") }
        trailing = reader.rest()
    }

    /// The report as bytes.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.magic)
        writer.u32LE(version)
        writer.u32LE(UInt32(truncatingIfNeeded: runtimeData.count + Self.runtimeHeaderLength + Self.headerLength))
        writer.u32LE(requestType)
        writer.append(reserved)
        writer.append(hardwareReport)
        writer.u32LE(UInt32(truncatingIfNeeded: runtimeData.count + Self.runtimeHeaderLength))
        writer.u32LE(runtimeVersion)
        writer.u32LE(kind.rawValue)
        writer.u32LE(hashType.rawValue)
        writer.u32LE(UInt32(truncatingIfNeeded: runtimeData.count))
        writer.append(runtimeData)
        writer.append(trailing)
        return writer.bytes
    }

    /// The size that the header states: all but what follows the runtime data.
    public var statedSize: Int { runtimeData.count + Self.runtimeHeaderLength + Self.headerLength }

    /// REPORTDATA (64 bytes) of the hardware report, where it stands in reports of `kind`; nil for those without hardware.
    public func reportData(as kind: Kind) -> [UInt8]? {
        let offset: Int
        switch kind {
        case .snp: offset = 0x50
        case .tdx: offset = 128
        case .vbs: return nil
        }
        guard hardwareReport.count >= offset + 64 else { return nil }
        return Array(hardwareReport[offset..<offset + 64])
    }

    /// The TDREPORT, in reports of TDX; a MAC protects it, so it means something on its own machine only.
    public var tdReport: [UInt8]? { kind == .tdx ? Array(hardwareReport.prefix(1024)) : nil }
}
