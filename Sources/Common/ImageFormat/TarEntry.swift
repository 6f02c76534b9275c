/// One entry of a layer archive, with its path made safe.
public struct TarEntry: Hashable, Sendable {
    /// What an entry creates.
    public enum Kind: Hashable, Sendable {
        /// A regular file of `size` bytes, which follow as ``TarEvent/data(_:)``.
        case file(size: Int64)
        /// A directory.
        case directory
        /// A symbolic link. The target is as written and may point anywhere.
        case symbolicLink(target: String)
        /// Another name for an earlier entry; the target is normalised as ``TarEntry/path`` is.
        case hardLink(target: String)
        /// A character device.
        case characterDevice(major: UInt32, minor: UInt32)
        /// A block device.
        case blockDevice(major: UInt32, minor: UInt32)
        /// A named pipe.
        case namedPipe
    }

    /// An extended attribute.
    public struct Attribute: Hashable, Sendable {
        /// The name, such as `security.capability`.
        public let name: String
        /// The value; any bytes.
        public let value: [UInt8]
    }

    /// The path below the root: no leading slash, no `.` and `..`, no empty components. Empty for the root itself.
    public var path: String
    /// What the entry creates.
    public var kind: Kind
    /// Permission bits, with set-uid, set-gid and sticky.
    public var mode: UInt32
    /// The owner's number.
    public var userID: UInt32
    /// The group's number.
    public var groupID: UInt32
    /// The modification time, in seconds since 1970.
    public var modified: Int64
    /// The part of the modification time below a second, in nanoseconds.
    public var modifiedNanoseconds: UInt32
    /// The extended attributes, sorted by name.
    public var attributes: [Attribute]
}

/// What a ``TarReader`` found in the bytes it was fed.
public enum TarEvent: Hashable, Sendable {
    /// The next entry begins.
    case entry(TarEntry)
    /// Content of the file that began last.
    case data(ArraySlice<UInt8>)
    /// The file that began last is complete. Sent for regular files only.
    case endOfFile
}

/// What a layer entry does to the layers below it, by the OCI whiteout rules.
public enum LayerChange: Hashable, Sendable {
    /// Create or replace the entry's path.
    case add
    /// Remove this path of the lower layers.
    case remove(path: String)
    /// Hide everything the lower layers have in this folder.
    case clearFolder(path: String)

    /// Classifies an entry's path.
    ///
    /// - Returns: `nil` for names that the rules reserve (`.wh..wh.` and a bare `.wh.`); callers refuse those.
    public init?(path: String) {
        let bytes = Array(path.utf8)
        let whiteout = Array(".wh.".utf8)
        var components = bytes.split(separator: UInt8(ascii: "/"))
        guard let name = components.popLast() else {
            self = .add
            return
        }
        // A folder named like a whiteout would hide entries from readers that classify by component.
        guard !components.contains(where: { $0.starts(with: whiteout) }) else { return nil }
        let folder = Array(components.joined(separator: "/".utf8))
        guard name.starts(with: whiteout) else {
            self = .add
            return
        }
        if name.elementsEqual(".wh..wh..opq".utf8) {
            self = .clearFolder(path: String(decoding: folder, as: UTF8.self))
            return
        }
        let target = name.dropFirst(whiteout.count)
        guard !target.isEmpty, !target.starts(with: whiteout), !target.elementsEqual(".".utf8),
            !target.elementsEqual("..".utf8)
        else { return nil }
        let prefix = folder.isEmpty ? [] : folder + [UInt8(ascii: "/")]
        self = .remove(path: String(decoding: prefix + target, as: UTF8.self))
    }
}
