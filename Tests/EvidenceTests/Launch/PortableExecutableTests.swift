import Crypto
import Evidence
import TestSupport
import Testing
import WireFormat

/// A small program for UEFI with chosen values.
private struct Program {
    var isLong = true
    var directories: UInt32 = 16
    var headers: UInt32 = 0x200
    var sectionCount: UInt16?
    var optionalSize: UInt16?
    var start: UInt32 = 0x40
    /// Offset and size of each section.
    var sections: [(UInt32, UInt32)] = [(0x300, 0x80), (0x200, 0x100)]
    var certificates: (UInt32, UInt32) = (0x400, 0x20)
    /// The bytes of the file.
    var length = 0x420

    /// Where the optional header begins.
    static let optional = 0x40 + 24
    var certificatePlace: Int { Self.optional + (isLong ? 112 : 96) + 32 }

    var bytes: [UInt8] {
        var file = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 5) }
        func put(_ value: UInt32, _ width: Int, _ offset: Int) {
            for index in 0..<width { file[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
        }
        let size = UInt32(isLong ? 112 : 96) + 8 * 16
        put(0x5A4D, 2, 0)
        put(start, 4, 0x3C)
        put(0x4550, 4, 0x40)
        put(UInt32(sectionCount ?? UInt16(sections.count)), 2, 0x46)
        put(UInt32(optionalSize ?? UInt16(size)), 2, 0x54)
        put(isLong ? 0x20B : 0x10B, 2, Self.optional)
        put(headers, 4, Self.optional + 60)
        put(directories, 4, Self.optional + (isLong ? 108 : 92))
        put(certificates.0, 4, certificatePlace)
        put(certificates.1, 4, certificatePlace + 4)
        for (index, section) in sections.enumerated() {
            put(section.1, 4, Self.optional + Int(size) + 40 * index + 16)
            put(section.0, 4, Self.optional + Int(size) + 40 * index + 20)
        }
        return file
    }
}

@Suite("Programs for UEFI")
struct PortableExecutableTests {
    @Test(arguments: [true, false])
    func `checksum, certificates and their place are left out, all else is hashed`(isLong: Bool) throws {
        let program = Program(isLong: isLong)
        let (file, place, checksum) = (program.bytes, program.certificatePlace, Program.optional + 64)
        let expected =
            file[..<checksum] + file[(checksum + 4)..<place] + file[(place + 8)..<0x200] + file[0x200..<0x300]
            + file[0x300..<0x380] + file[0x380..<0x400]
        let parsed = try PortableExecutable(parsing: file)
        #expect(parsed.sha384 == Array(SHA384.hash(data: expected)))
        #expect(parsed.sha256 == Array(SHA256.hash(data: expected)))
        for index in [checksum, checksum + 3, 0x400, 0x41F] {
            var changed = file
            changed[index] ^= 1
            #expect(try PortableExecutable(parsing: changed).sha384 == parsed.sha384)
        }
        for index in [2, checksum - 5, checksum + 4, place - 1, place + 8, 0x1FF, 0x200, 0x37F, 0x380, 0x3FF] {
            var changed = file
            changed[index] ^= 1
            #expect(try PortableExecutable(parsing: changed).sha384 != parsed.sha384)
        }
    }

    @Test func `a program without a place for certificates is hashed to its end`() throws {
        let program = Program(directories: 4, certificates: (0, 0))
        let (file, checksum) = (program.bytes, Program.optional + 64)
        let expected = file[..<checksum] + file[(checksum + 4)...]
        #expect(try PortableExecutable(parsing: file).sha384 == Array(SHA384.hash(data: expected)))
    }

    @Test func `after a gap the rest is counted as firmware counts it`() throws {
        let program = Program(sections: [(0x300, 0x80)], certificates: (0, 0))
        let (file, place, checksum) = (program.bytes, program.certificatePlace, Program.optional + 64)
        // EDK2 goes on at the number of bytes it has hashed, 0x280, not at the end of the last section.
        let expected =
            file[..<checksum] + file[(checksum + 4)..<place] + file[(place + 8)..<0x200] + file[0x300..<0x380]
            + file[0x280...]
        #expect(try PortableExecutable(parsing: file).sha384 == Array(SHA384.hash(data: expected)))
    }

    @Test func `what does not fit is refused`() {
        let wrong: [Program] = [
            Program(headers: 0xFFFF_FFFF), Program(headers: 0x421), Program(headers: 0x100), Program(sectionCount: 97),
            Program(sectionCount: 0xFFFF), Program(optionalSize: 0), Program(optionalSize: 67),
            Program(optionalSize: 100), Program(optionalSize: 0xFFFF), Program(start: 0xFFFF_FFFF),
            Program(start: 0x420), Program(sections: [(0x200, 0x101), (0x300, 0x80)]),
            Program(sections: [(0x100, 0x10)]), Program(sections: [(0xFFFF_FFFF, 0xFFFF_FFFF)]),
            Program(sections: [(0x300, 0x101)]), Program(certificates: (0x400, 0x1F)),
            Program(certificates: (0x421, 0xFFFF_FFFF)), Program(certificates: (0, 0x20)),
        ]
        for program in wrong {
            #expect(throws: WireError.self) { try PortableExecutable(parsing: program.bytes) }
        }
        #expect(throws: WireError.self) { try PortableExecutable(parsing: []) }
        #expect(throws: WireError.self) { try PortableExecutable(parsing: [0x4D]) }
    }

    @Test func `a program cut short or changed anywhere gives a digest or an error`() {
        let file = Program().bytes
        for length in file.indices {
            // Certificates end where the file ends, so every cut is noticed.
            #expect(throws: WireError.self) { try PortableExecutable(parsing: Array(file.prefix(length))) }
            for pattern: UInt8 in [0x01, 0x80, 0xFF] {
                var changed = file
                changed[length] ^= pattern
                _ = (try? PortableExecutable(parsing: changed))?.sha256
            }
        }
    }

    @Test(.enabled(if: Vectors.available)) func `a real program cut short gives a digest or an error`() throws {
        let file = try Vectors.bytes("evidence/launch/pe/td-payload.efi")
        for length in 0..<1024 {
            #expect(throws: WireError.self) { try PortableExecutable(parsing: Array(file.prefix(length))) }
        }
    }
}
