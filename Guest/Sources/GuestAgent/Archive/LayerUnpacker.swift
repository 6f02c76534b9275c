import CGuest
import Glibc
import ImageFormat
import WireFormat

/// Applies one layer's members to a root folder, which already holds the layers below.
///
/// Every operation is relative to an open folder found with `openat2(RESOLVE_IN_ROOT)`: a symbolic link inside the image
/// means what it would mean inside the container, and nothing outside the root is reachable. Whiteouts take away what
/// lower layers brought, never what this layer brings, whatever the order of the members.
public final class LayerUnpacker {
    let root: OpenFile
    /// Paths that this layer has made, with all folders above them.
    private var own: Set<String> = []
    private var folderTimes: [(path: String, modified: timespec)] = []
    private var cachedParent: (path: String, folder: OpenFile)?
    private var current: (file: OpenFile, entry: TarEntry)?

    /// Writes below `root`.
    public init(root: OpenFile) { self.root = root }

    /// Applies the whole of an uncompressed archive, then restores the folders' times.
    public func apply(_ archive: any ByteSource, limits: TarReader.Limits) throws(LayerError) {
        var reader = TarReader(limits: limits)
        while true {
            let bytes = try archive.next()
            if bytes.isEmpty { break }
            for event in try LayerError.wrap({ () throws(WireError) in try reader.receive(bytes) }) { try take(event) }
        }
        try LayerError.wrap { () throws(WireError) in try reader.finish() }
        restoreFolderTimes()
    }

    private func take(_ event: TarEvent) throws(LayerError) {
        var path = current?.entry.path ?? ""
        do throws(SystemFailure) {
            switch event {
            case .entry(let entry):
                path = entry.path
                try place(entry)
            case .data(let bytes): try current?.file.writeAll(bytes)
            case .endOfFile: try completeFile()
            }
        } catch {
            throw LayerError("layer: \(path): \(error.description)")
        }
    }

    private func place(_ entry: TarEntry) throws(SystemFailure) {
        switch LayerChange(path: entry.path) {
        case .none: throw SystemFailure("a reserved whiteout name", code: EPERM)
        case .remove(let path): return try remove(path)
        case .clearFolder(let path): return try clearFolder(path)
        case .add: break
        }
        guard !entry.path.isEmpty else { return try finishFolder(root, entry) }
        switch entry.kind {
        case .characterDevice, .blockDevice:
            // The runtime gives every container a /dev of its own; anywhere else a device has no business in an image.
            guard entry.path.hasPrefix("dev/") else {
                throw SystemFailure("a device outside /dev is refused", code: EPERM)
            }
            return
        default: break
        }
        let (above, name) = Self.split(entry.path)
        let parent = try parentFolder(above)
        remember(entry.path)
        switch entry.kind {
        case .directory: try makeFolder(name, in: parent, entry)
        case .file:
            try clear(name, in: parent)
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
            let number = openat(parent.number, name, flags, 0o600)
            current = (OpenFile(owning: try SystemFailure.checkErrno(number, "make the file")), entry)
        case .symbolicLink(let target):
            try clear(name, in: parent)
            try SystemFailure.checkErrno(symlinkat(target, parent.number, name), "make the link")
            try finishWithoutOpening(name, in: parent, entry)
        case .hardLink(let target): try link(name, in: parent, to: target)
        case .namedPipe:
            try clear(name, in: parent)
            try SystemFailure.check(cg_mknod(parent.number, name, S_IFIFO | entry.mode, 0, 0), "make the pipe")
            try finishWithoutOpening(name, in: parent, entry)
        case .characterDevice, .blockDevice: break
        }
    }

    /// The folder's path ("." for the root) and the last name of a path that is not empty.
    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    // MARK: folders

    private func openFolder(_ path: String, _ action: String) throws(SystemFailure) -> OpenFile {
        OpenFile(owning: try SystemFailure.check(cg_open_in_root(root.number, path, O_RDONLY | O_DIRECTORY, 0), action))
    }

    private func parentFolder(_ path: String) throws(SystemFailure) -> OpenFile {
        if let cachedParent, cachedParent.path == path { return cachedParent.folder }
        let number = cg_open_in_root(root.number, path, O_RDONLY | O_DIRECTORY, 0)
        let folder: OpenFile
        if number == -ENOENT {
            try makeMissing(path)
            folder = try openFolder(path, "open the folder above")
        } else {
            folder = OpenFile(owning: try SystemFailure.check(number, "open the folder above"))
        }
        cachedParent = (path, folder)
        return folder
    }

    private func makeMissing(_ path: String) throws(SystemFailure) {
        var above = "."
        for part in path.split(separator: "/") {
            let parent = try openFolder(above, "open the folder above")
            guard mkdirat(parent.number, String(part), 0o755) == 0 || errno == EEXIST else {
                throw SystemFailure("make the folder above", code: errno)
            }
            above = above == "." ? String(part) : above + "/" + part
        }
    }

    private func makeFolder(_ name: String, in parent: OpenFile, _ entry: TarEntry) throws(SystemFailure) {
        var status = stat()
        let exists = fstatat(parent.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0
        if exists && status.st_mode & S_IFMT != S_IFDIR { try clear(name, in: parent) }
        if !exists || status.st_mode & S_IFMT != S_IFDIR {
            try SystemFailure.checkErrno(mkdirat(parent.number, name, 0o700), "make the folder")
        }
        let number = openat(parent.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        try finishFolder(OpenFile(owning: try SystemFailure.checkErrno(number, "open the folder")), entry)
    }

    private func finishFolder(_ folder: OpenFile, _ entry: TarEntry) throws(SystemFailure) {
        try finish(folder, entry)
        folderTimes.append((entry.path.isEmpty ? "." : entry.path, Self.time(entry)))
    }

    private func restoreFolderTimes() {
        for (path, modified) in folderTimes.reversed() {
            let number = cg_open_in_root(root.number, path, O_RDONLY | O_DIRECTORY, 0)
            guard number >= 0 else { continue }
            let folder = OpenFile(owning: number)
            let times = [timespec(tv_sec: 0, tv_nsec: Int(cg_time_omit())), modified]
            futimens(folder.number, times)
        }
        folderTimes = []
    }

    // MARK: files and links

    private func completeFile() throws(SystemFailure) {
        guard let (file, entry) = current else { return }
        current = nil
        try finish(file, entry)
        let times = [Self.time(entry), Self.time(entry)]
        try SystemFailure.checkErrno(futimens(file.number, times), "set the time")
    }

    private func link(_ name: String, in parent: OpenFile, to target: String) throws(SystemFailure) {
        let (above, targetName) = Self.split(target)
        let folder = try openFolder(above, "find the target of a hard link")
        var status = stat()
        try SystemFailure.checkErrno(
            fstatat(folder.number, targetName, &status, AT_SYMLINK_NOFOLLOW), "find the target of a hard link")
        // Cleared only once the target is known: a link to itself must not take its own target away.
        var standing = stat()
        if fstatat(parent.number, name, &standing, AT_SYMLINK_NOFOLLOW) == 0 {
            if standing.st_ino == status.st_ino && standing.st_dev == status.st_dev { return }
            try clear(name, in: parent)
        }
        try SystemFailure.checkErrno(linkat(folder.number, targetName, parent.number, name, 0), "make the hard link")
    }

    /// Takes away what stands where a member goes.
    private func clear(_ name: String, in parent: OpenFile) throws(SystemFailure) {
        if unlinkat(parent.number, name, 0) == 0 {
            cachedParent = nil
        } else if errno != ENOENT {
            cachedParent = nil
            try TreeRemoval.remove(name, in: parent.number)
        }
    }

    // MARK: whiteouts

    private func remove(_ path: String) throws(SystemFailure) {
        if own.contains(path) { return }
        let (above, name) = Self.split(path)
        guard let parent = try lowerFolder(above) else { return }
        try TreeRemoval.remove(name, in: parent.number)
    }

    private func clearFolder(_ path: String) throws(SystemFailure) {
        guard let folder = try lowerFolder(path.isEmpty ? "." : path) else { return }
        try removeForeign(in: folder, prefix: path.isEmpty ? "" : path + "/")
    }

    private func lowerFolder(_ path: String) throws(SystemFailure) -> OpenFile? {
        cachedParent = nil
        let number = cg_open_in_root(root.number, path, O_RDONLY | O_DIRECTORY, 0)
        if number == -ENOENT || number == -ENOTDIR { return nil }
        return OpenFile(owning: try SystemFailure.check(number, "open the folder of a whiteout"))
    }

    private func removeForeign(in folder: OpenFile, prefix: String) throws(SystemFailure) {
        for child in try TreeRemoval.children(of: folder) {
            guard own.contains(prefix + child) else {
                try TreeRemoval.remove(child, in: folder.number)
                continue
            }
            let number = openat(folder.number, child, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            if number < 0 { continue }
            try removeForeign(in: OpenFile(owning: number), prefix: prefix + child + "/")
        }
    }

    // MARK: metadata

    private func finish(_ file: OpenFile, _ entry: TarEntry) throws(SystemFailure) {
        try SystemFailure.checkErrno(fchown(file.number, entry.userID, entry.groupID), "set the owner")
        // After the owner: changing it clears set-uid.
        try SystemFailure.checkErrno(fchmod(file.number, entry.mode), "set the mode")
        for attribute in entry.attributes where Self.keeps(attribute: attribute.name) {
            let result = attribute.value.withUnsafeBytes {
                cg_set_attribute(file.number, attribute.name, $0.baseAddress, $0.count)
            }
            if result == -ENOTSUP { continue }
            try SystemFailure.check(result, "set attribute \(attribute.name)")
        }
    }

    private func finishWithoutOpening(
        _ name: String, in parent: OpenFile, _ entry: TarEntry
    ) throws(SystemFailure) {
        try SystemFailure.checkErrno(
            fchownat(parent.number, name, entry.userID, entry.groupID, AT_SYMLINK_NOFOLLOW), "set the owner")
        let times = [Self.time(entry), Self.time(entry)]
        try SystemFailure.checkErrno(utimensat(parent.number, name, times, AT_SYMLINK_NOFOLLOW), "set the time")
    }

    /// Kept: file capabilities and users' own attributes. `trusted.*` steers overlayfs and stays out.
    private static func keeps(attribute: String) -> Bool {
        attribute == "security.capability" || attribute.hasPrefix("user.")
    }

    private static func time(_ entry: TarEntry) -> timespec {
        timespec(tv_sec: Int(entry.modified), tv_nsec: Int(entry.modifiedNanoseconds))
    }

    private func remember(_ path: String) {
        own.insert(path)
        var rest = path[...]
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            if !own.insert(String(rest)).inserted { return }
        }
    }
}
