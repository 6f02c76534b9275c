import Envelope
import Foundation
import TestSupport
import Testing

@testable import RootKeys

@Suite struct FileRootKeyTests {
    let folder: ScratchFolder
    let path: String
    let root: FileRootKey
    let key = SecretBytes(random: 32)
    let context = Array("store key 1".utf8)

    init() throws {
        folder = try ScratchFolder()
        path = "\(folder.path)/root.key"
        try FileRootKey.create(file: path)
        root = try FileRootKey(file: path)
    }

    @Test func `what was wrapped opens with the same file and the same context`() async throws {
        let wrapped = try await root.wrap(key, context: context)
        #expect(wrapped.count == 69)
        #expect(try await FileRootKey(file: path).unwrap(wrapped, context: context) == key)
        #expect(try await root.wrap(key, context: context) != wrapped)
    }

    @Test func `another context, or a changed byte anywhere, is refused`() async throws {
        let wrapped = try await root.wrap(key, context: context)
        #expect(await code { try await root.unwrap(wrapped, context: context + [0]) } == .damaged)
        #expect(await code { try await root.unwrap(wrapped, context: []) } == .damaged)
        for index in wrapped.indices {
            var changed = wrapped
            changed[index] ^= 1
            await #expect(throws: RootKeyFailure.self, "byte \(index)") {
                try await root.unwrap(changed, context: context)
            }
        }
        for length in 0..<wrapped.count {
            #expect(await code { try await root.unwrap(Array(wrapped[..<length]), context: context) } == .damaged)
        }
        #expect(await code { try await root.unwrap(wrapped + [0], context: context) } == .damaged)
    }

    @Test func `a key of another root key says so`() async throws {
        let other = "\(folder.path)/other.key"
        try FileRootKey.create(file: other)
        let wrapped = try await FileRootKey(file: other).wrap(key, context: context)
        #expect(await code { try await root.unwrap(wrapped, context: context) } == .otherKey)
    }

    @Test func `only keys of 32 bytes and contexts of at most 256 are wrapped`() async throws {
        for size in [0, 31, 33] {
            #expect(await code { try await root.wrap(SecretBytes(random: size), context: context) } == .configuration)
        }
        let longest = [UInt8](repeating: 7, count: 256)
        #expect(try await root.unwrap(try await root.wrap(key, context: longest), context: longest) == key)
        #expect(await code { try await root.wrap(key, context: longest + [7]) } == .configuration)
        #expect(await code { try await root.unwrap([], context: longest + [7]) } == .configuration)
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o644, 0o620])
    func `a file that others may use is refused`(mode: mode_t) throws {
        chmod(path, mode)
        let refusal = try #require(throws: RootKeyFailure.self) { try FileRootKey(file: path) }
        #expect(refusal.code == .permissions)
        #expect(refusal.description.contains("0\(String(mode, radix: 8))") && refusal.remedy.contains("chmod 600"))
    }

    @Test(.enabled(if: getuid() == 0, "only root can give files away"))
    func `a file of another account is refused`() async throws {
        #expect(chown(path, 65_534, 65_534) == 0)
        #expect(await code { try FileRootKey(file: path) } == .permissions)
    }

    @Test(arguments: [
        "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
        String(repeating: "g", count: 64), String(repeating: "0", count: 64) + "\n0",
        "0x" + String(repeating: "0", count: 64),
        String(repeating: " ", count: 4096),
    ])
    func `a file that does not hold 64 digits is refused, and its text is not told`(text: String) throws {
        let file = try folder.write("bad.key", Array(text.utf8))
        chmod(file, 0o600)
        let refusal = try #require(throws: RootKeyFailure.self) { try FileRootKey(file: file) }
        #expect(refusal.code == .damaged)
        #expect(text.count < 32 || !refusal.description.contains(text))
    }

    @Test func `a missing file, a link, a folder and a pipe are refused without waiting`() async throws {
        #expect(await code { try FileRootKey(file: "\(folder.path)/none") } == .missing)
        symlink(path, "\(folder.path)/link")
        #expect(await code { try FileRootKey(file: "\(folder.path)/link") } == .permissions)
        #expect(await code { try FileRootKey(file: folder.path) } == .configuration)
        mkfifo("\(folder.path)/pipe", 0o600)
        #expect(await code { try FileRootKey(file: "\(folder.path)/pipe") } == .configuration)
    }

    @Test func `an existing file is never replaced`() async throws {
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(await code { try FileRootKey.create(file: path) } == .exists)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["root.key"])
        #expect(await code { try FileRootKey.create(file: "\(folder.path)/none/root.key") } == .missing)
    }
}
