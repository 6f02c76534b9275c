import Foundation
import TestSupport
import Testing
import WireFormat

@testable import ImageFormat

/// Builds archives by hand, so that a test can say exactly what is wrong with one.
enum Tar {
    static func header(
        _ name: String, type: Character = "0", size: Int = 0, link: String = "", mode: String = "0000644",
        uid: String = "0000000",
        major: String = "0000000"
    ) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(name, 0)
        put(mode, 100)
        put(uid, 108)
        put("0000000", 116)
        put(octal(size, 11), 124)
        put("00000000001", 136)
        put("        ", 148)
        put(String(type), 156)
        put(link, 157)
        put("ustar\u{0}00", 257)
        put(major, 329)
        put("0000003", 337)
        put(octal(block.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", 148)
        return block
    }

    static func octal(_ number: Int, _ width: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
    }

    static func file(_ name: String, _ content: [UInt8]) -> [UInt8] {
        self.header(name, size: content.count) + self.padded(content)
    }

    static func pax(_ records: [(String, String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (key, value) in records {
            let rest = " \(key)=\(value)\n".utf8
            var length = rest.count + 1
            while String(length).count + rest.count != length { length += 1 }
            bytes += Array("\(length)".utf8) + rest
        }
        return self.header("pax", type: "x", size: bytes.count) + self.padded(bytes)
    }

    static let end = [UInt8](repeating: 0, count: 1024)
}

@Suite("Tar archives")
struct TarReaderTests {
    static func read(_ bytes: [UInt8], chunk: Int = 512, limits: TarReader.Limits = .init()) throws -> [TarEvent] {
        var reader = TarReader(limits: limits)
        var events: [TarEvent] = []
        var start = 0
        while start < bytes.count {
            events += try reader.receive(bytes[start..<min(start + chunk, bytes.count)])
            start += chunk
        }
        try reader.finish()
        return events
    }

    static func entries(_ events: [TarEvent]) -> [TarEntry] {
        events.compactMap { if case .entry(let entry) = $0 { entry } else { nil } }
    }

    @Test(arguments: [1, 7, 512, 4096])
    func `an archive of every kind is read in chunks`(chunk: Int) throws {
        let long = String(repeating: "d/", count: 90) + "name"
        let archive =
            Tar.header("./", type: "5") + Tar.file("./bin/a", Array("hello".utf8))
            + Tar.header("bin/b", type: "1", link: "/bin/a")
            + Tar.header("bin/c", type: "2", link: "../../etc") + Tar.header("dev/n", type: "3", major: "0000001")
            + Tar.header("p", type: "6")
            + Tar.pax([("path", long), ("SCHILY.xattr.user.k", "v=\n"), ("mtime", "12.5"), ("size", "3")])
            + Tar.header("short", size: 0) + Tar.padded([1, 2, 3]) + Tar.end
        let events = try Self.read(archive, chunk: chunk)
        let entries = Self.entries(events)
        #expect(entries.map(\.path) == ["", "bin/a", "bin/b", "bin/c", "dev/n", "p", long])
        #expect(entries[1].kind == .file(size: 5))
        #expect(entries[2].kind == .hardLink(target: "bin/a"))
        #expect(entries[3].kind == .symbolicLink(target: "../../etc"))
        #expect(entries[4].kind == .characterDevice(major: 1, minor: 3))
        #expect(entries[6].attributes == [.init(name: "user.k", value: Array("v=\n".utf8))])
        #expect(entries[6].modified == 12 && entries[6].modifiedNanoseconds == 500_000_000)
        let content = events.reduce(into: [UInt8]()) { if case .data(let bytes) = $1 { $0 += bytes } }
        #expect(content == Array("hello".utf8) + [1, 2, 3])
    }

    @Test func `every truncation inside an entry is refused`() {
        let archive = Tar.file("a", Array(repeating: 1, count: 700)) + Tar.end
        for length in Array(0..<1212) + Array(1537..<2048) {
            #expect(throws: WireError.self) { try Self.read(Array(archive.prefix(length))) }
        }
    }

    @Test(arguments: [1212, 1300, 1536, 2048]) func `an archive without its trailer is read as umoci writes it`(
        length: Int
    ) throws {
        let archive = Tar.file("a", Array(repeating: 1, count: 700)) + Tar.end
        let entries = Self.entries(try Self.read(Array(archive.prefix(length))))
        #expect(entries.map(\.path) == ["a"])
    }

    @Test func `an archive that ends after an extended header is refused`() {
        let archive = Tar.pax([("path", "a")])
        #expect(throws: WireError.self) { try Self.read(archive) }
    }

    static let hostile: [(String, [UInt8])] = [
        ("an absolute path", Tar.header("/etc/passwd")), ("a climbing path", Tar.header("a/../../b")),
        ("a slash with a combining mark", Tar.header("a/..\u{2F}\u{301}x/..")),
        ("a climbing hard link", Tar.header("a", type: "1", link: "../b")), ("an empty name", Tar.header("")),
        ("a hard link to nothing", Tar.header("a", type: "1")), ("an unknown type", Tar.header("a", type: "Z")),
        ("a sparse file", Tar.header("a", type: "S")),
        ("a root that is a link", Tar.header("./", type: "2", link: "/")),
        ("a sparse pax file", Tar.pax([("GNU.sparse.major", "1")]) + Tar.header("a")),
        ("a repeated pax key", Tar.pax([("path", "a"), ("path", "b")]) + Tar.header("a")),
        ("a climbing pax path", Tar.pax([("path", "../a")]) + Tar.header("a")),
        ("a pax header before the end", Tar.pax([("path", "a")])),
        ("a directory with content", Tar.header("a", type: "5", size: 512) + Tar.padded([1])),
        ("a negative number", Tar.header("a", uid: "-000001")),
        ("a number with letters", Tar.header("a", mode: "00abc44")),
        ("an owner of all ones", Tar.pax([("uid", "4294967295")]) + Tar.header("a")),
        ("a huge pax header", Tar.header("a", type: "x", size: 2 << 20)),
        ("a global header with a path", Tar.header("g", type: "g", size: 11) + Tar.padded(Array("11 path=ab\n".utf8))),
    ]

    @Test(arguments: Self.hostile)
    func `a hostile archive is refused`(name: String, bytes: [UInt8]) {
        #expect(throws: WireError.self, "\(name)") { try Self.read(bytes + Tar.end) }
    }

    @Test func `a damaged header is refused byte by byte`() {
        let good = Tar.header("name")
        for index in [0, 100, 124, 148, 156, 257, 263, 345] {
            var bad = good
            bad[index] ^= 1
            #expect(throws: WireError.self, "byte \(index)") { try Self.read(bad + Tar.end) }
        }
    }

    @Test func `limits and the end of the archive hold`() {
        var limits = TarReader.Limits()
        limits.entries = 1
        #expect(throws: WireError.self) { try Self.read(Tar.header("a") + Tar.header("b") + Tar.end, limits: limits) }
        limits.totalBytes = 4
        #expect(throws: WireError.self) { try Self.read(Tar.file("a", [1, 2, 3, 4, 5]) + Tar.end, limits: limits) }
        #expect(throws: WireError.self) { try Self.read(Tar.header("a") + Tar.end + [1]) }
        #expect(throws: WireError.self) { try Self.read(Array(Tar.end.prefix(512)) + Tar.header("a") + Tar.end) }
    }

    @Test(arguments: ["gnu", "pax", "ustar"])
    func `what tar writes is read`(format: String) throws {
        let folder = try ScratchFolder()
        let name = format == "ustar" ? "plain" : String(repeating: "long-", count: 30)
        _ = try folder.write("content", Array("x".utf8))
        try FileManager.default.moveItem(atPath: "\(folder.path)/content", toPath: "\(folder.path)/\(name)")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/link", withDestinationPath: name)
        let bytes = try run("tar", ["--format=\(format)", "-C", folder.path, "-cf", "-", "."])
        let paths = Self.entries(try Self.read(bytes, chunk: 1000)).map(\.path)
        #expect(Set(paths) == ["", name, "link"])
    }

    @Test func `whiteouts are classified`() {
        #expect(LayerChange(path: "a/b") == .add)
        #expect(LayerChange(path: "") == .add)
        #expect(LayerChange(path: "a/.wh.b") == .remove(path: "a/b"))
        #expect(LayerChange(path: ".wh.b") == .remove(path: "b"))
        #expect(LayerChange(path: "a/.wh..wh..opq") == .clearFolder(path: "a"))
        for bad in ["a/.wh.", ".wh...", ".wh..", ".wh..wh.aufs", ".wh.a/b"] {
            #expect(LayerChange(path: bad) == nil, "\(bad)")
        }
    }
}
