import Glibc
import Testing

@testable import GuestAgent

@Suite("Users of an image")
struct UserLookupTests {
    /// A root with these tables.
    private func withRoot(passwd: String, group: String, _ body: (OpenFile) throws -> Void) throws {
        var template = Array("/tmp/testudo-users-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemFailure("make a folder", code: errno) }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let root = try OpenFile(opening: folder, flags: O_RDONLY | O_DIRECTORY)
        defer {
            try? TreeRemoval.remove("etc", in: root.number)
            rmdir(folder)
        }
        mkdir(folder + "/etc", 0o755)
        for (name, text) in [("passwd", passwd), ("group", group)] {
            let file = try OpenFile(opening: "\(folder)/etc/\(name)", flags: O_WRONLY | O_CREAT, mode: 0o644)
            try file.writeAll(Array(text.utf8))
        }
        try body(root)
    }

    @Test("names and numbers are found")
    func found() throws {
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:7:8::/home/app:/bin/sh\n"
        try withRoot(passwd: passwd, group: "more:x:9:app\nteam:x:10:\n") { root in
            let app = try UserLookup.resolve("app", root: root)
            #expect(app.uid == 7 && app.gid == 8 && app.groups == [9] && app.home == "/home/app")
            #expect(try UserLookup.resolve("4294967294:team", root: root).uid == UInt32.max - 1)
            #expect(try UserLookup.resolve("7:team", root: root).gid == 10)
            #expect(try UserLookup.resolve("", root: root).uid == 0)
        }
    }

    @Test("the number that means nobody is refused, wherever it comes from")
    func nobody() throws {
        let passwd = "bad:x:4294967295:0::/:/bin/sh\nworse:x:5:4294967295::/:/bin/sh\ngood:x:6:6::/:/bin/sh\n"
        try withRoot(passwd: passwd, group: "none:x:4294967295:good\n") { root in
            for text in ["bad", "worse", "5", "4294967295", "good:none", "6:4294967295", "good", "-1", "6:4294967296"] {
                #expect(throws: UserLookup.Unknown.self, "\(text)") { try UserLookup.resolve(text, root: root) }
            }
        }
    }
}
