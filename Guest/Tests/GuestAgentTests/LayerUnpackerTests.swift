import Glibc
import ImageFormat
import Testing

@testable import GuestAgent

@Suite("Unpacking layers")
struct LayerUnpackerTests {
    let scratch: Scratch
    let root: OpenFile

    init() throws {
        scratch = try Scratch()
        mkdir(scratch.path + "/root", 0o755)
        mkdir(scratch.path + "/outside", 0o755)
        root = try OpenFile(opening: scratch.path + "/root", flags: O_RDONLY | O_DIRECTORY)
    }

    func apply(_ archive: TarArchive, piece: Int = 700) throws {
        try LayerUnpacker(root: root).apply(MemorySource(archive.finished, piece: piece), limits: TarReader.Limits())
    }

    @Test("files, folders, links, modes, times and owners are kept")
    func keepsMetadata() throws {
        var archive = TarArchive()
        archive.folder("etc", mode: 0o711)
        archive.add("etc/passwd", content: Array("root".utf8), mode: 0o640, uid: 12, gid: 34)
        archive.add("etc/link", type: "2", link: "passwd")
        archive.add("etc/again", type: "1", link: "etc/passwd")
        archive.add("bin/tool", content: Array(repeating: 7, count: 2000), mode: 0o4755)
        try apply(archive)
        #expect(scratch.text("root/etc/passwd") == "root")
        let file = scratch.status("root/etc/passwd")
        #expect(file.st_mode & 0o7777 == 0o640)
        #expect(file.st_mtim.tv_sec == 1_000_000_000)
        #expect(file.st_nlink == 2)
        if getuid() == 0 { #expect(file.st_uid == 12 && file.st_gid == 34) }
        let folder = scratch.status("root/etc")
        #expect(folder.st_mode & 0o7777 == 0o711)
        #expect(folder.st_mtim.tv_sec == 1_000_000_000)
        #expect(scratch.status("root/bin/tool").st_mode & 0o7777 == 0o4755)
    }

    @Test("a path with .. is refused", arguments: ["../outside/x", "a/../../outside/x", "/abs"])
    func refusesDotDot(path: String) throws {
        var archive = TarArchive()
        archive.add(path, content: [1])
        #expect(throws: LayerError.self) { try apply(archive) }
        #expect(!scratch.exists("outside/x"))
    }

    @Test(
        "a symbolic link to the outside leads back inside",
        arguments: ["/outside", "../outside", "../../../../outside"])
    func linkStaysInside(target: String) throws {
        var archive = TarArchive()
        archive.folder("outside")
        archive.add("door", type: "2", link: target)
        archive.add("door/x", content: [1])
        try apply(archive)
        #expect(scratch.exists("root/outside/x"))
        #expect(!scratch.exists("outside/x"))
    }

    @Test("a link with an absolute host path reaches nothing of the host")
    func absoluteLink() throws {
        var archive = TarArchive()
        archive.add("door", type: "2", link: scratch.path + "/outside")
        archive.add("door/x", content: [1])
        #expect(throws: LayerError.self) { try apply(archive) }
        #expect(!scratch.exists("outside/x"))
    }

    @Test("a file is never written through a link of the same name")
    func replacesLink() throws {
        try writeFile(scratch.path + "/outside/victim", Array("old".utf8))
        var archive = TarArchive()
        archive.add("victim", type: "2", link: scratch.path + "/outside/victim")
        archive.add("victim", content: Array("new".utf8))
        try apply(archive)
        #expect(scratch.text("outside/victim") == "old")
        #expect(scratch.text("root/victim") == "new")
    }

    @Test("a hard link to something outside is refused", arguments: ["../outside/victim", "door/victim", "missing"])
    func refusesHardLink(target: String) throws {
        try writeFile(scratch.path + "/outside/victim", Array("old".utf8))
        var archive = TarArchive()
        archive.add("door", type: "2", link: scratch.path + "/outside")
        archive.add("stolen", type: "1", link: target)
        #expect(throws: LayerError.self) { try apply(archive) }
        #expect(!scratch.exists("root/stolen"))
    }

    @Test("devices are refused, and left out below /dev", arguments: ["3", "4"] as [Character])
    func refusesDevices(type: Character) throws {
        var outside = TarArchive()
        outside.add("etc/disk", type: type)
        #expect(throws: LayerError.self) { try apply(outside) }
        var inside = TarArchive()
        inside.add("dev/null", type: type)
        try apply(inside)
        #expect(!scratch.exists("root/dev/null"))
    }

    @Test("a whiteout removes what a lower layer brought")
    func whiteout() throws {
        var lower = TarArchive()
        lower.add("a/one", content: [1])
        lower.add("a/deep/two", content: [2])
        lower.add("keep", content: [3])
        try apply(lower)
        var upper = TarArchive()
        upper.add("a/.wh.deep")
        upper.add("a/.wh.absent")
        upper.add(".wh.nothing")
        try apply(upper)
        #expect(scratch.exists("root/a/one"))
        #expect(!scratch.exists("root/a/deep"))
        #expect(scratch.exists("root/keep"))
        #expect(!scratch.exists("root/a/.wh.deep"))
    }

    @Test("an opaque folder hides lower files and keeps its own, in either order", arguments: [true, false])
    func opaque(markerFirst: Bool) throws {
        var lower = TarArchive()
        lower.add("a/old", content: [1])
        lower.add("a/sub/old", content: [1])
        try apply(lower)
        var upper = TarArchive()
        if markerFirst { upper.add("a/.wh..wh..opq") }
        upper.add("a/sub/new", content: [2])
        if !markerFirst { upper.add("a/.wh..wh..opq") }
        try apply(upper)
        #expect(!scratch.exists("root/a/old"))
        #expect(!scratch.exists("root/a/sub/old"))
        #expect(scratch.exists("root/a/sub/new"))
    }

    @Test("a whiteout through a link removes nothing outside")
    func whiteoutThroughLink() throws {
        try writeFile(scratch.path + "/outside/victim", [1])
        var archive = TarArchive()
        archive.add("door", type: "2", link: scratch.path + "/outside")
        try apply(archive)
        var upper = TarArchive()
        upper.add("door/.wh.victim")
        upper.add("door/.wh..wh..opq")
        try apply(upper)
        #expect(scratch.exists("outside/victim"))
    }

    @Test("a folder replaces a file and the other way round")
    func replaces() throws {
        var lower = TarArchive()
        lower.add("x", content: [1])
        lower.add("y/inner", content: [1])
        try apply(lower)
        var upper = TarArchive()
        upper.folder("x")
        upper.add("y", content: [9])
        try apply(upper)
        #expect(scratch.status("root/x").st_mode & S_IFMT == S_IFDIR)
        #expect(scratch.status("root/y").st_mode & S_IFMT == S_IFREG)
    }

    @Test("an archive that ends inside an entry is refused")
    func truncated() throws {
        var archive = TarArchive()
        archive.add("file", content: Array(repeating: 1, count: 3000))
        let bytes = archive.finished
        let (header, content) = (512, 3000)
        for length in stride(from: 1, to: header + content, by: 511) {
            #expect(throws: LayerError.self) {
                try LayerUnpacker(root: root).apply(
                    MemorySource(Array(bytes.prefix(length))), limits: TarReader.Limits())
            }
        }
    }

    @Test("more content than allowed is refused")
    func limited() throws {
        var archive = TarArchive()
        archive.add("file", content: Array(repeating: 1, count: 3000))
        var limits = TarReader.Limits()
        limits.totalBytes = 2999
        #expect(throws: LayerError.self) {
            try LayerUnpacker(root: root).apply(MemorySource(archive.finished), limits: limits)
        }
    }
}
