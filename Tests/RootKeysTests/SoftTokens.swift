import Foundation
import RootKeys
import Synchronization
import TestSupport

/// Tokens of SoftHSM in a folder of their own. SoftHSM reads its configuration once in a process, so there is one set.
final class SoftTokens: Sendable {
    static let module = "/usr/lib/softhsm/libsofthsm2.so"
    static let isInstalled = areInstalled("softhsm2-util") && FileManager.default.fileExists(atPath: module)
    static let shared = Result { try SoftTokens(count: 16) }
    static let pin = "correct horse"

    let folder: ScratchFolder
    private let used = Mutex(0)
    private let count: Int

    private init(count: Int) throws {
        self.count = count
        folder = try ScratchFolder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/tokens", withIntermediateDirectories: false)
        let configuration = try folder.write(
            "softhsm2.conf",
            Array("directories.tokendir = \(folder.path)/tokens\nobjectstore.backend = file\nlog.level = ERROR\n".utf8))
        // What is static is never released.
        atexit {
            guard let tokens = try? SoftTokens.shared.get() else { return }
            try? FileManager.default.removeItem(atPath: tokens.folder.path)
        }
        setenv("SOFTHSM2_CONF", configuration, 1)
        for number in 0..<count {
            try run(
                "softhsm2-util",
                ["--init-token", "--free", "--label", "token \(number)", "--pin", Self.pin, "--so-pin", "officer's"])
        }
    }

    /// A token that no other test uses, with its PIN in a file of `folder`.
    func token(_ folder: ScratchFolder) throws -> PKCS11Settings {
        let number = used.withLock { used in
            defer { used += 1 }
            return used
        }
        guard number < count else { throw FixtureFailure(reason: "all \(count) tokens are used") }
        let pin = try folder.write("pin \(number)", Array((Self.pin + "\n").utf8))
        chmod(pin, 0o600)
        return PKCS11Settings(
            module: Self.module, token: "token \(number)", pinFile: pin, key: "root", timeoutSeconds: 60)
    }

    /// Runs OpenSC's program on a token, logged in.
    @discardableResult
    static func tool(_ settings: PKCS11Settings, _ arguments: String...) throws -> [UInt8] {
        try run(
            "pkcs11-tool", ["--module", module, "--token-label", settings.token, "--login", "--pin", pin] + arguments)
    }
}
