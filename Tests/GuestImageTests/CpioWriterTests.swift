import GuestImage
import Testing

@Suite struct CpioWriterTests {
    /// As `cpio -o -H newc` of GNU cpio 2.13 writes such a tree, with numbers, owners and times set to ours.
    @Test func `the archive is the newc format byte for byte`() throws {
        let archive = try CpioWriter.archive([
            CpioEntry("/dev/console", mode: 0o600, .characterDevice(major: 5, minor: 1)),
            CpioEntry("init", mode: 0o755, .file(Array("hello".utf8))),
        ])
        let expected =
            "070701" + "00000001" + "000041ED" + "00000000" + "00000000" + "00000002" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000000" + "00000000" + "00000004" + "00000000" + "dev\0\0\0"
            + "070701" + "00000002" + "00002180" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000005" + "00000001" + "0000000C" + "00000000" + "dev/console\0\0\0"
            + "070701" + "00000003" + "000081ED" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005"
            + "00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" + "init\0\0" + "hello\0\0\0"
            + "070701" + "00000000" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000000" + "00000000" + "0000000B" + "00000000" + "TRAILER!!!\0\0\0\0"
        #expect(Array(archive.prefix(expected.utf8.count)) == Array(expected.utf8))
        #expect(archive.count.isMultiple(of: 512))
        #expect(archive.dropFirst(expected.utf8.count).allSatisfy { $0 == 0 })
    }

    @Test func `the order of the entries does not matter`() throws {
        let entries = ["b", "a/c", "a-b", "a", "init"].map {
            CpioEntry($0, mode: 0o755, $0 == "a" ? .folder : .file(Array($0.utf8)))
        }
        let archive = try CpioWriter.archive(entries)
        #expect(try CpioWriter.archive(entries.reversed()) == archive)
        #expect(try CpioWriter.archive(entries.shuffled()) == archive)
    }

    @Test(arguments: ["", "a//b", "../etc", "a/./b", "a\0b", "a/.."])
    func `paths that are not plain are refused`(path: String) {
        #expect(throws: GuestBuildError.self) { try CpioWriter.archive([CpioEntry(path, mode: 0o644, .file([]))]) }
    }

    @Test func `a path that comes twice is refused`() {
        let entries = [CpioEntry("a", mode: 0o644, .file([1])), CpioEntry("/a", mode: 0o644, .file([2]))]
        #expect(throws: GuestBuildError("the initrd would hold /a twice")) { try CpioWriter.archive(entries) }
    }
}
