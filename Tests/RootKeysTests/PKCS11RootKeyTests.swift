import Envelope
import Foundation
import TestSupport
import Testing

@testable import RootKeys

@Suite(.enabled(if: SoftTokens.isInstalled, "softhsm2 is not installed"), .serialized)
struct PKCS11RootKeyTests {
    let folder: ScratchFolder
    let tokens: SoftTokens
    let settings: PKCS11Settings
    let context = Array("store key 1".utf8)
    let key = SecretBytes(random: 32)

    init() async throws {
        folder = try ScratchFolder()
        tokens = try SoftTokens.shared.get()
        settings = try tokens.token(folder)
    }

    @Test func `a key made on the token wraps, and a later session opens it`() async throws {
        try await PKCS11RootKey.create(settings)
        let root = try await PKCS11RootKey(settings)
        #expect(root.kind == "pkcs11")
        let wrapped = try await root.wrap(key, context: context)
        #expect(wrapped.count == 69)
        #expect(try await root.wrap(key, context: context) != wrapped)
        #expect(try await PKCS11RootKey(settings).unwrap(wrapped, context: context) == key)
        let longest = [UInt8](repeating: 7, count: 256)
        #expect(try await root.unwrap(try await root.wrap(key, context: longest), context: longest) == key)
        #expect(try await root.unwrap(try await root.wrap(key, context: []), context: []) == key)
        #expect(await code { try await root.wrap(SecretBytes(random: 31), context: []) } == .configuration)
    }

    @Test func `another context, a changed, cut or lengthened key is refused, and the session lives on`() async throws {
        try await PKCS11RootKey.create(settings)
        let root = try await PKCS11RootKey(settings)
        let wrapped = try await root.wrap(key, context: context)
        #expect(await code { try await root.unwrap(wrapped, context: context + [0]) } == .damaged)
        for index in [0, 1, 8, 9, 20, 21, 52, 53, 68] {
            var changed = wrapped
            changed[index] ^= 1
            let expected: RootKeyFailure.Code = (1...8).contains(index) ? .otherKey : .damaged
            #expect(await code { try await root.unwrap(changed, context: context) } == expected, "byte \(index)")
        }
        for length in [0, 1, 20, 37, 68] {
            #expect(await code { try await root.unwrap(Array(wrapped.prefix(length)), context: context) } == .damaged)
        }
        #expect(await code { try await root.unwrap(wrapped + [0], context: context) } == .damaged)
        #expect(try await root.unwrap(wrapped, context: context) == key)
    }

    @Test func `the key cannot leave the token`() async throws {
        try await PKCS11RootKey.create(settings)
        let listing = String(decoding: try SoftTokens.tool(settings, "--list-objects"), as: UTF8.self)
        #expect(listing.contains("root") && listing.contains("never extractable"), "\(listing)")
        #expect(throws: ProgramFailure.self) {
            try SoftTokens.tool(settings, "--read-object", "--type", "secrkey", "--label", "root")
        }
    }

    @Test func `a key that can leave, or that came from outside, is not used`() async throws {
        try SoftTokens.tool(settings, "--keygen", "--key-type", "AES:32", "--label", "root", "--extractable")
        let refusal = try #require(await failed { try await PKCS11RootKey(settings) })
        #expect(refusal.code == .configuration && refusal.reason.contains("it can leave the token"), "\(refusal)")
    }

    @Test func `a key of another size is not used`() async throws {
        try SoftTokens.tool(settings, "--keygen", "--key-type", "AES:16", "--label", "root", "--sensitive")
        let refusal = try #require(await failed { try await PKCS11RootKey(settings) })
        #expect(refusal.code == .configuration && refusal.reason.contains("no AES key of 256 bits"), "\(refusal)")
    }

    @Test func `a second key with the label makes both unusable, and none is made beside an existing one`() async throws
    {
        try await PKCS11RootKey.create(settings)
        #expect(await code { try await PKCS11RootKey.create(settings) } == .exists)
        try SoftTokens.tool(settings, "--keygen", "--key-type", "AES:32", "--label", "root")
        let refusal = try #require(await failed { try await PKCS11RootKey(settings) })
        #expect(refusal.code == .configuration && refusal.reason.contains("more than one"), "\(refusal)")
    }

    @Test func `the key of another token does not open`() async throws {
        try await PKCS11RootKey.create(settings)
        let other = try tokens.token(folder)
        try await PKCS11RootKey.create(other)
        let wrapped = try await PKCS11RootKey(settings).wrap(key, context: context)
        let root = try await PKCS11RootKey(other)
        #expect(await code { try await root.unwrap(wrapped, context: context) } == .otherKey)
    }

    @Test func `a token, a key or a module that is not there is named`() async throws {
        let bare = await failed { try await PKCS11RootKey(settings) }
        #expect(bare?.code == .missing && bare?.event.contains("the key `root`") == true)
        let gone = PKCS11Settings(module: settings.module, token: "none", pinFile: settings.pinFile, key: "root")
        let token = await failed { try await PKCS11RootKey(gone) }
        #expect(token?.code == .missing && token?.event.contains("the token `none`") == true)
        for path in ["/none.so", "/lib/x86_64-linux-gnu/libm.so.6", settings.pinFile] {
            let elsewhere = PKCS11Settings(module: path, token: "none", pinFile: settings.pinFile, key: "root")
            let module = await failed { try await PKCS11RootKey(elsewhere) }
            #expect(module?.code == .missing && module?.event.contains(path) == true, "\(module as Any)")
        }
    }

    @Test func `a token that is taken away is told`() async throws {
        try await PKCS11RootKey.create(settings)
        let place = "\(tokens.folder.path)/tokens"
        var taken: String?
        for name in try FileManager.default.contentsOfDirectory(atPath: place) {
            let object = try Data(contentsOf: URL(fileURLWithPath: "\(place)/\(name)/token.object"))
            if object.range(of: Data(settings.token.utf8)) != nil { taken = name }
        }
        let name = try #require(taken)
        try FileManager.default.moveItem(atPath: "\(place)/\(name)", toPath: "\(folder.path)/\(name)")
        let refusal = await failed { try await PKCS11RootKey(settings) }
        #expect(refusal?.code == .missing && refusal?.remedy.contains("plug the token in") == true, "\(refusal as Any)")
    }

    @Test func `a PIN file that others may read, and one without a PIN, are refused`() async throws {
        chmod(settings.pinFile, 0o640)
        #expect(await code { try await PKCS11RootKey(settings) } == .permissions)
        chmod(settings.pinFile, 0o600)
        for content in ["", "\n\r\n", "a\0b", String(repeating: "1", count: 300)] {
            try Data(content.utf8).write(to: URL(fileURLWithPath: settings.pinFile))
            #expect(await code { try await PKCS11RootKey(settings) } == .damaged)
        }
    }

    @Test func `a wrong PIN is tried once, and a corrected one works`() async throws {
        func put(_ pin: String) throws { try Data(pin.utf8).write(to: URL(fileURLWithPath: settings.pinFile)) }
        try put("wrong")
        let first = try #require(await failed { try await PKCS11RootKey(settings) })
        #expect(first.code == .credential && first.reason.contains("the PIN is wrong"))
        let second = try #require(await failed { try await PKCS11RootKey(settings) })
        #expect(second.code == .credential && second.reason.contains("refused it before"))
        #expect(!"\(first) \(second)".contains("`wrong`"))
        try put(SoftTokens.pin)
        try await PKCS11RootKey.create(settings)
        _ = try await PKCS11RootKey(settings)
        #expect(!FileManager.default.fileExists(atPath: settings.pinFile + ".refused"))
    }
}
