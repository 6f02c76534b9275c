import Crypto
import WireFormat

/// A program for UEFI (Microsoft PE/COFF), as far as its Authenticode digest goes: the digest by which firmware measures it.
///
/// It leaves out what a signature changes: the checksum, the place of the certificates and the certificates themselves.
public struct PortableExecutable: Sendable {
    /// What is hashed, in this order.
    private let parts: [Range<Int>]
    private let bytes: [UInt8]

    private static let sectionLimit = 96

    /// Finds the parts of a program.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.starts(with: Array("MZ".utf8)) else {
            throw WireError(field: "program", reason: "does not begin with MZ; it is not for UEFI")
        }
        let head = Fields(bytes)
        let start = Int(try head.number(0x3C, 4, "program header"))
        guard try head.number(start, 4, "program signature") == 0x4550 else {
            throw WireError(field: "program signature", reason: "at \(start) is not PE")
        }
        let count = Int(try head.number(start + 6, 2, "section count"))
        let optionalLength = Int(try head.number(start + 20, 2, "optional header size"))
        let optional = start + 24
        let directories: Int
        switch try head.number(optional, 2, "optional header magic") {
        case 0x10B: directories = optional + 92
        case 0x20B: directories = optional + 108
        default: throw WireError(field: "optional header magic", reason: "at \(optional) is not known")
        }
        let headers = Int(try head.number(optional + 60, 4, "headers size"))
        let table = optional + optionalLength
        guard optional + 68 <= table, count <= Self.sectionLimit, headers <= bytes.count, table + 40 * count <= headers
        else {
            throw WireError(field: "headers size", reason: "at \(optional + 60) does not hold the headers")
        }
        let directoryCount = try head.number(directories, 4, "directory count")
        let certificates = directories + 4 + 4 * 8
        var parts = [0..<optional + 64]
        var certificateSize = 0
        if directoryCount > 4 {
            guard certificates + 8 <= table else {
                throw WireError(field: "directory count", reason: "at \(directories) does not fit the optional header")
            }
            certificateSize = try Self.certificateSize(head, certificates, of: bytes)
            parts += [optional + 68..<certificates, certificates + 8..<headers]
        } else {
            parts.append(optional + 68..<headers)
        }
        let sections = try Self.sections(head, table, count)
        // Sections are hashed in the order of the file; what lies between them is not part of the program.
        var (position, hashed) = (headers, headers)
        for section in sections.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard section.lowerBound >= position, section.upperBound <= bytes.count - certificateSize else {
                throw WireError(field: "section", reason: "at \(section.lowerBound) overlaps or is not in the file")
            }
            parts.append(section)
            position = section.upperBound
            hashed += section.count
        }
        // Firmware takes the rest from as many bytes as were hashed so far, also when there were gaps.
        parts.append(hashed..<max(hashed, bytes.count - certificateSize))
        self.parts = parts
        self.bytes = bytes
    }

    private static func certificateSize(
        _ head: Fields, _ place: Int, of bytes: [UInt8]
    ) throws(WireError) -> Int {
        let offset = Int(try head.number(place, 4, "certificate table"))
        let size = Int(try head.number(place + 4, 4, "certificate table"))
        guard size > 0 else { return 0 }
        guard offset <= bytes.count, bytes.count - offset == size else {
            throw WireError(field: "certificate table", reason: "at \(place) is not the end of the file")
        }
        return size
    }

    private static func sections(_ head: Fields, _ table: Int, _ count: Int) throws(WireError) -> [Range<Int>] {
        var sections: [Range<Int>] = []
        for index in 0..<count {
            let size = Int(try head.number(table + 40 * index + 16, 4, "section size"))
            let offset = Int(try head.number(table + 40 * index + 20, 4, "section offset"))
            if size > 0 { sections.append(offset..<offset + size) }
        }
        return sections
    }

    /// The Authenticode digest with SHA-384, which TDX firmware measures.
    public var sha384: [UInt8] { Array(digest(SHA384())) }
    /// The Authenticode digest with SHA-256, which signatures and vTPMs use.
    public var sha256: [UInt8] { Array(digest(SHA256())) }

    private func digest<Hash: HashFunction>(_ start: Hash) -> Hash.Digest {
        var hash = start
        for part in parts { hash.update(data: bytes[part]) }
        return hash.finalize()
    }

    /// Little-endian numbers at places that the file itself names.
    private struct Fields {
        private let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func number(_ offset: Int, _ width: Int, _ field: String) throws(WireError) -> UInt32 {
            guard offset >= 0, offset <= bytes.count - width else {
                throw WireError(field: field, reason: "at \(offset) is not in the file")
            }
            return (0..<width).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
    }
}
