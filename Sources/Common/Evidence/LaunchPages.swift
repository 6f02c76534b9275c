import Crypto
import WireFormat

/// The running digest of an SNP launch: each page adds a link that binds its kind, address and contents.
public struct LaunchPages: Equatable, Sendable {
    /// How the security processor treats a page (AMD 56860, PAGE_TYPE).
    public enum Kind: UInt8, Sendable {
        /// Contents are measured.
        case normal = 1
        /// The save area of a virtual processor; contents are measured.
        case vmsa = 2
        /// Zeros.
        case zero = 3
        /// Contents are not measured.
        case unmeasured = 4
        /// The page for secrets.
        case secrets = 5
        /// The page of processor features.
        case cpuid = 6
    }

    /// The digest so far.
    public private(set) var digest: LaunchMeasurement

    /// Where the save areas are measured: the highest page of a 48-bit address space.
    public static let vmsaAddress: UInt64 = 0xFFFF_FFFF_F000

    private static let linkLength: UInt16 = 0x70

    /// Starts with nothing loaded.
    public init() { digest = LaunchMeasurement(digest: [UInt8](repeating: 0, count: LaunchMeasurement.length)) }

    /// Goes on after `digest`, such as that of a firmware image known by its hash only.
    public init(after digest: LaunchMeasurement) { self.digest = digest }

    /// Adds a page whose contents the launch does not read.
    public mutating func add(_ kind: Kind, at address: UInt64) {
        link(kind, contents: [UInt8](repeating: 0, count: LaunchMeasurement.length), address)
    }

    /// Adds whole pages with contents, the first at `address`.
    public mutating func add(_ kind: Kind, contents: [UInt8], at address: UInt64) throws(WireError) {
        guard contents.count.isMultiple(of: 4096) else {
            throw WireError(field: "launch page", reason: "\(contents.count) bytes are not whole pages")
        }
        for offset in stride(from: 0, to: contents.count, by: 4096) {
            link(kind, contents: Array(SHA384.hash(data: contents[offset..<offset + 4096])), address + UInt64(offset))
        }
    }

    private mutating func link(_ kind: Kind, contents: [UInt8], _ address: UInt64) {
        var writer = ByteWriter()
        writer.append(digest.bytes)
        writer.append(contents)
        writer.u16LE(Self.linkLength)
        writer.u8(kind.rawValue)
        writer.append([0, 0, 0, 0, 0])  // no migration image, no rights for VMPL 3, 2 and 1, reserved
        writer.u64LE(address)
        digest = LaunchMeasurement(digest: Array(SHA384.hash(data: writer.bytes)))
    }
}
