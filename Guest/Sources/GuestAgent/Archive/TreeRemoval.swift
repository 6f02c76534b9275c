import Glibc

/// Removal of files and folders, always relative to an open folder and never through a symbolic link.
enum TreeRemoval {
    /// Removes `name` and, if it is a folder, everything below it. Nothing there is no error.
    static func remove(_ name: String, in parent: Int32) throws(SystemFailure) {
        var status = stat()
        guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            let code = errno
            if code == ENOENT { return }
            throw SystemFailure("look at \(name)", code: code)
        }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if isFolder { try removeChildren(of: name, in: parent) { _ in true } }
        try SystemFailure.checkErrno(unlinkat(parent, name, isFolder ? AT_REMOVEDIR : 0), "remove \(name)")
    }

    /// Removes those children of the folder `name` for which `chosen` says yes.
    static func removeChildren(
        of name: String, in parent: Int32, where chosen: (String) -> Bool
    ) throws(SystemFailure) {
        let folder = OpenFile(
            owning: try SystemFailure.checkErrno(
                openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "open \(name)"))
        for child in try children(of: folder) where chosen(child) { try remove(child, in: folder.number) }
    }

    /// The names in an open folder.
    static func children(of folder: OpenFile) throws(SystemFailure) -> [String] {
        let copy = try SystemFailure.checkErrno(openat(folder.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "list")
        guard let stream = fdopendir(copy) else {
            let code = errno
            close(copy)
            throw SystemFailure("list", code: code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
