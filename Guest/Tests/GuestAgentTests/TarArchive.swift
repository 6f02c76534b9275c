import Glibc

@testable import GuestAgent

/// Builds ustar archives for tests, also ones that no tool would write.
struct TarArchive {
    private(set) var bytes: [UInt8] = []

    mutating func add(
        _ path: String, type: Character = "0", content: [UInt8] = [], link: String = "", mode: Int = 0o644,
        uid: Int = 0, gid: Int = 0, modified: Int = 1_000_000_000
    ) {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(path, 0)
        put(octal(mode, 7), 100)
        put(octal(uid, 7), 108)
        put(octal(gid, 7), 116)
        put(octal(content.count, 11), 124)
        put(octal(modified, 11), 136)
        put("        ", 148)
        put(String(type), 156)
        put(link, 157)
        put("ustar\u{0}00", 257)
        put(octal(block.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", 148)
        bytes += block + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func folder(_ path: String, mode: Int = 0o755) { add(path, type: "5", mode: mode) }

    /// The archive with its end.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}

/// A folder that is removed when the test is over.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/guest-agent-tests-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw SystemFailure("make a scratch folder", code: errno) }
        path = String(cString: made)
    }

    deinit {
        try? TreeRemoval.remove(
            String(path.dropFirst("/tmp/".count)),
            in: (try? OpenFile(opening: "/tmp", flags: O_RDONLY | O_DIRECTORY))?.number ?? -1)
    }

    func text(_ name: String) -> String? {
        (try? contentsOfFile(path + "/" + name)).map { String(decoding: $0, as: UTF8.self) }
    }

    func exists(_ name: String) -> Bool {
        var status = stat()
        return lstat(path + "/" + name, &status) == 0
    }

    func status(_ name: String) -> stat {
        var status = stat()
        lstat(path + "/" + name, &status)
        return status
    }
}
