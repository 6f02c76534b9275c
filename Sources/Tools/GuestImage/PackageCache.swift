import Envelope
import Foundation

/// Fetches locked packages with apt and unpacks them. What is in the folder is believed only after its SHA-256 is checked.
struct PackageCache {
    let folder: String

    init(_ folder: String) { self.folder = folder }

    /// The path of a package whose bytes are the locked ones.
    func fetch(_ package: LockedPackage, progress: (String) -> Void) throws(GuestBuildError) -> String {
        try Disk.makeFolder(folder)
        let path = "\(folder)/\(package.name)-\(package.digest.hex.prefix(16)).deb"
        if FileManager.default.fileExists(atPath: path), SHA256Digest(hashing: try Disk.read(path)) == package.digest {
            return path
        }
        progress("fetching \(package.name) \(package.version)")
        let bytes = try Disk.scratch(beside: "\(folder)/fetch") { (scratch) throws(GuestBuildError) in
            try Self.download(package, into: scratch)
            let files = (try? FileManager.default.contentsOfDirectory(atPath: scratch)) ?? []
            guard let file = files.first(where: { $0.hasSuffix(".deb") }) else {
                throw GuestBuildError("apt-get brought no file for \(package.name)")
            }
            return try Disk.read("\(scratch)/\(file)")
        }
        try Self.check(bytes, package)
        try Disk.write(bytes, to: path)
        return path
    }

    private static func download(_ package: LockedPackage, into folder: String) throws(GuestBuildError) {
        let arguments = ["download", "-q", "\(package.name)=\(package.version)"]
        if (try? Tool.run("apt-get", arguments, in: folder, log: "\(folder)/log")) != nil { return }
        // The lists may be old or, on a new machine, absent; only root can renew them.
        try? Tool.run("apt-get", ["update", "-q"], in: folder, log: "\(folder)/log")
        do {
            try Tool.run("apt-get", arguments, in: folder, log: "\(folder)/log")
        } catch {
            throw GuestBuildError(
                "\(package.name) \(package.version) cannot be fetched; if Debian has replaced it, review the new "
                    + "version and change Guest/packages.lock\n\(error)")
        }
    }

    /// Refuses bytes that are not the locked ones.
    static func check(_ bytes: [UInt8], _ package: LockedPackage) throws(GuestBuildError) {
        let found = SHA256Digest(hashing: bytes)
        guard found == package.digest else {
            throw GuestBuildError(
                "\(package.name) \(package.version) is not what Guest/packages.lock says: SHA-256 \(found.hex), "
                    + "locked \(package.digest.hex)")
        }
    }

    /// Unpacks a package into a folder, installing nothing.
    func unpack(_ path: String, into folder: String, log: String) throws(GuestBuildError) {
        try Tool.run("dpkg-deb", ["-x", path, folder], in: self.folder, log: log)
    }
}
