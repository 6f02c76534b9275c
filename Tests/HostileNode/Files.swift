import Glibc
import Sandbox

/// The paths that the program was given, made absolute.
struct Files: Sendable {
    let initData: String
    let guestImage: String
    let softTEE: String
    let softTEEKeys: String
    let state: String

    var firmware: String { "\(self.guestImage)/qboot.rom" }
    var kernel: String { "\(self.guestImage)/kernel" }
    var initrd: String { "\(self.guestImage)/initrd" }
    var instances: String { "\(self.state)/instances" }
    var logs: String { "\(self.state)/logs" }
    /// The RAM disk with one more file.
    var alteredInitrd: String { "\(self.state)/initrd" }
    /// What the probe for KVM found; it may stay.
    var accelerator: String { "\(self.state)/accelerator.json" }

    /// Writes the RAM disk with one more file.
    func writeAlteredInitrd() throws {
        let initrd = try AtomicFile.read(self.initrd, limit: 1 << 30)
        let altered = AddedArchive.adding("evil", Array("mallory\n".utf8), to: initrd)
        try AtomicFile.write(altered, to: self.alteredInitrd, mode: 0o644)
    }

    /// Removes all but the finding of the probe.
    func remove() {
        // What is not there, or cannot go, is overwritten by the next run.
        for path in [self.alteredInitrd, self.logs, "\(self.logs).old"] where access(path, F_OK) == 0 {
            try? AtomicFile.remove(path)
        }
        rmdir(self.instances)
    }

    /// A path from the current folder.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path)"
    }
}
