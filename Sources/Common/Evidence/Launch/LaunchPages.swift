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

    /// What the next link is made of (AMD 56860, PAGE_INFO): the digest so far, the digest of the page's contents, the
    /// length of all this, the kind, zeros for what no launch here uses, and the address.
    private var link: [UInt8]

    /// Where the save areas are measured: the highest page of a 48-bit address space.
    public static let vmsaAddress: UInt64 = 0xFFFF_FFFF_F000

    /// The bytes of a page.
    public static let pageSize = 4096

    private static let linkLength = 0x70

    /// The digest so far.
    public var digest: LaunchMeasurement { LaunchMeasurement(digest: Array(link[..<LaunchMeasurement.length])) }

    /// Starts with nothing loaded.
    public init() {
        link = [UInt8](repeating: 0, count: Self.linkLength)
        link[96] = UInt8(Self.linkLength)
    }

    /// Goes on after `digest`, such as that of a firmware image known by its hash only.
    public init(after digest: LaunchMeasurement) {
        self.init()
        link.replaceSubrange(..<LaunchMeasurement.length, with: digest.bytes)
    }

    /// Adds a page whose contents the launch does not read.
    public mutating func add(_ kind: Kind, at address: UInt64) {
        link.withUnsafeMutableBytes { link in
            link[48..<96].initializeMemory(as: UInt8.self, repeating: 0)
            Self.close(link, kind, address)
        }
    }

    /// Adds whole pages with contents, the first at `address`.
    public mutating func add(_ kind: Kind, contents: [UInt8], at address: UInt64) throws(WireError) {
        guard contents.count.isMultiple(of: Self.pageSize) else {
            throw WireError(field: "launch page", reason: "\(contents.count) bytes are not whole pages")
        }
        guard !address.addingReportingOverflow(UInt64(contents.count)).overflow else {
            throw WireError(field: "launch page", reason: "is beyond the address space")
        }
        // Firmware has thousands of pages: they are hashed where they lie. More than half of them are padding, each like the
        // one before, whose digest the link still holds.
        link.withUnsafeMutableBytes { link in
            contents.withUnsafeBytes { contents in
                for offset in stride(from: 0, to: contents.count, by: Self.pageSize) {
                    let page = UnsafeRawBufferPointer(rebasing: contents[offset..<offset + Self.pageSize])
                    if offset == 0 || !Self.isLikePage(before: offset, contents) { Self.put(page, in: link, at: 48) }
                    Self.close(link, kind, address + UInt64(offset))
                }
            }
        }
    }

    /// Whether the page at `offset` has the bytes of the page before it.
    private static func isLikePage(before offset: Int, _ contents: UnsafeRawBufferPointer) -> Bool {
        for index in stride(from: offset, to: offset + pageSize, by: 64) {
            let one = contents.loadUnaligned(fromByteOffset: index, as: SIMD8<UInt64>.self)
            if one != contents.loadUnaligned(fromByteOffset: index - pageSize, as: SIMD8<UInt64>.self) { return false }
        }
        return true
    }

    /// Puts the digest of `bytes` into the link.
    private static func put(_ bytes: UnsafeRawBufferPointer, in link: UnsafeMutableRawBufferPointer, at offset: Int) {
        var hash = SHA384()
        hash.update(bufferPointer: bytes)
        hash.finalize().withUnsafeBytes { link[offset..<offset + LaunchMeasurement.length].copyBytes(from: $0) }
    }

    /// Fills in what is left and makes the digest of the link the beginning of the next one.
    private static func close(_ link: UnsafeMutableRawBufferPointer, _ kind: Kind, _ address: UInt64) {
        link[98] = kind.rawValue
        link.storeBytes(of: address.littleEndian, toByteOffset: 104, as: UInt64.self)
        put(UnsafeRawBufferPointer(link), in: link, at: 0)
    }
}
