/// One node of an initrd.
public struct CpioEntry: Equatable, Sendable {
    /// The kinds of node.
    public enum Content: Equatable, Sendable {
        /// A folder.
        case folder
        /// A regular file.
        case file([UInt8])
        /// A character device.
        case characterDevice(major: UInt32, minor: UInt32)
    }

    /// The path without a leading slash.
    public let path: String
    /// Permission bits only.
    public let mode: UInt32
    /// What it is.
    public let content: Content

    /// Creates an entry; a leading slash of `path` is dropped.
    public init(_ path: String, mode: UInt32, _ content: Content) {
        self.path = path.hasPrefix("/") ? String(path.dropFirst()) : path
        self.mode = mode & 0o7777
        self.content = content
    }
}

/// Writes an initrd in the `newc` cpio format (kernel: Documentation/driver-api/early-userspace/buffer-format.rst).
///
/// The bytes depend on the entries alone: sorted by path, owner and group 0, time 0, inode numbers in order, folders that
/// are missing on the way made with mode 0755.
public enum CpioWriter {
    private static let folderType: UInt32 = 0o040000
    private static let fileType: UInt32 = 0o100000
    private static let characterType: UInt32 = 0o020000

    /// The archive of `entries`; refuses a path that comes twice or is no plain path.
    public static func archive(_ entries: [CpioEntry]) throws(GuestBuildError) -> [UInt8] {
        var nodes: [String: CpioEntry] = [:]
        for entry in entries {
            try check(entry.path)
            guard nodes.updateValue(entry, forKey: entry.path) == nil else {
                throw GuestBuildError("the initrd would hold /\(entry.path) twice")
            }
        }
        for path in nodes.keys {
            for parent in parents(of: path) where nodes[parent] == nil {
                nodes[parent] = CpioEntry(parent, mode: 0o755, .folder)
            }
        }
        var output: [UInt8] = []
        output.reserveCapacity(nodes.values.reduce(4096) { $0 + size($1) })
        let sorted = nodes.values.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        for (index, entry) in sorted.enumerated() { append(entry, number: UInt32(index + 1), to: &output) }
        append(header(name: "TRAILER!!!", number: 0, mode: 0, links: 1, size: 0, device: (0, 0)), to: &output)
        pad(&output, to: 512)
        return output
    }

    private static func check(_ path: String) throws(GuestBuildError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.isEmpty, !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }), !path.utf8.contains(0)
        else { throw GuestBuildError("'\(path)' is no plain path for the initrd") }
    }

    private static func parents(of path: String) -> [String] {
        var result: [String] = []
        var parts = path.split(separator: "/")
        while parts.count > 1 {
            parts.removeLast()
            result.append(parts.joined(separator: "/"))
        }
        return result
    }

    private static func size(_ entry: CpioEntry) -> Int {
        if case .file(let bytes) = entry.content { bytes.count + 256 } else { 256 }
    }

    private static func append(_ entry: CpioEntry, number: UInt32, to output: inout [UInt8]) {
        var size = 0
        var type = fileType
        var links: UInt32 = 1
        var device: (UInt32, UInt32) = (0, 0)
        switch entry.content {
        case .folder:
            type = folderType
            links = 2
        case .file(let bytes):
            size = bytes.count
        case .characterDevice(let major, let minor):
            type = characterType
            device = (major, minor)
        }
        append(
            header(name: entry.path, number: number, mode: type | entry.mode, links: links, size: size, device: device),
            to: &output)
        if case .file(let bytes) = entry.content {
            output.append(contentsOf: bytes)
            pad(&output, to: 4)
        }
    }

    private static func header(
        name: String, number: UInt32, mode: UInt32, links: UInt32, size: Int, device: (UInt32, UInt32)
    ) -> [UInt8] {
        let fields: [UInt32] = [
            number, mode, 0, 0, links, 0, UInt32(size), 0, 0, device.0, device.1, UInt32(name.utf8.count + 1), 0,
        ]
        return Array("070701".utf8) + fields.flatMap(hexadecimal) + Array(name.utf8) + [0]
    }

    private static func hexadecimal(_ value: UInt32) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return (0..<8).map { digits[Int(value >> (28 - 4 * UInt32($0)) & 15)] }
    }

    private static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        output.append(contentsOf: bytes)
        pad(&output, to: 4)
    }

    private static func pad(_ output: inout [UInt8], to unit: Int) {
        while !output.count.isMultiple(of: unit) { output.append(0) }
    }
}
