import CLinux
import Envelope
import Glibc

/// A token's PIN in a file, which is tried once: a token locks itself after a few wrong PINs.
///
/// A refused PIN leaves a mark beside the file, `….refused`, that tells which state of the file was tried. While the file
/// stays as it is, no program that starts again, however often, tries it again.
struct PINFile {
    private let file: OwnerOnlyFile

    init(_ path: String) { file = OwnerOnlyFile(kind: "pkcs11", what: "PIN file", path: path) }

    private var mark: OwnerOnlyFile {
        OwnerOnlyFile(kind: "pkcs11", what: "mark of a refused PIN", path: file.path + ".refused")
    }

    /// The PIN, if it was not refused before.
    func pin() throws(RootKeyFailure) -> SecretBytes {
        let text = try file.read(limit: 257)
        if let state, let refused = try? mark.read(limit: 128), refused == SecretBytes(state) { throw refusedBefore }
        let length = text.withBytes { bytes in
            var bytes = bytes[...]
            while bytes.last == 0x0A || bytes.last == 0x0D { bytes = bytes.dropLast() }
            return bytes.contains(0) ? 0 : bytes.count
        }
        guard length > 0 else {
            throw file.failure(
                .damaged, "cannot be used", "it holds no PIN",
                "put the PIN of the token's user into it, and nothing else")
        }
        return text.withBytes { SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<length])) }
    }

    /// Remembers that the token refused the PIN in the file as it is now.
    func markRefused() {
        // Where no mark can be left, the token's own warning before the last try stops later attempts.
        if let state { try? mark.write(SecretBytes(state), replacing: true) }
    }

    func markAccepted() { unlink(mark.path) }

    var refused: RootKeyFailure {
        file.failure(
            .credential, "was not accepted",
            "the token says that the PIN is wrong; it is not tried again, since tokens lock",
            "put the right PIN into the file")
    }

    private var refusedBefore: RootKeyFailure {
        file.failure(
            .credential, "is not tried", "the token refused it before, and the file has not changed since",
            "put the right PIN into the file (or, when the token was at fault, delete \(mark.path))")
    }

    /// What changes when someone writes the file; nothing of its content.
    private var state: [UInt8]? {
        var status = stat()
        guard stat(file.path, &status) == 0 else { return nil }
        let (changed, written) = (status.st_ctim, status.st_mtim)
        return Array(
            "\(status.st_ino) \(status.st_size) \(written.tv_sec).\(written.tv_nsec) \(changed.tv_sec).\(changed.tv_nsec)\n"
                .utf8)
    }
}
