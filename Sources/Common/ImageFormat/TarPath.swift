import WireFormat

/// Path rules for layer archives.
enum TarPath {
    /// Linux limits: the length of a path and of one component, in bytes.
    static let maximumBytes = 4095
    static let maximumComponentBytes = 255

    /// Joins the components of a relative path without `.` and empty ones; `..` and absolute paths are refused.
    static func normalise(_ bytes: [UInt8], field: String) throws(WireError) -> String {
        guard !bytes.isEmpty else { throw WireError(field: field, reason: "empty") }
        guard bytes.first != UInt8(ascii: "/") else { throw WireError(field: field, reason: "absolute") }
        guard bytes.count <= Self.maximumBytes else {
            throw WireError(field: field, reason: "longer than \(Self.maximumBytes) bytes")
        }
        guard !bytes.contains(0) else { throw WireError(field: field, reason: "holds a NUL") }
        // Bytes, not characters: a slash with a combining mark is one character, and still a slash to the kernel.
        var components: [ArraySlice<UInt8>] = []
        for component in bytes.split(separator: UInt8(ascii: "/")) where !component.elementsEqual(".".utf8) {
            guard !component.elementsEqual("..".utf8) else {
                throw WireError(field: field, reason: "leaves the root by \"..\"")
            }
            guard component.count <= Self.maximumComponentBytes else {
                throw WireError(field: field, reason: "a component is longer than \(Self.maximumComponentBytes) bytes")
            }
            components.append(component)
        }
        guard let text = String(validating: components.joined(separator: "/".utf8), as: UTF8.self) else {
            throw WireError(field: field, reason: "not UTF-8")
        }
        return text
    }

    /// The target of a hard link: a path in the archive. Some writers put the root's slash in front.
    static func hardLinkTarget(_ bytes: [UInt8]) throws(WireError) -> String {
        let target = try self.normalise(Array(bytes.drop { $0 == UInt8(ascii: "/") }), field: "tar hard link")
        guard !target.isEmpty else { throw WireError(field: "tar hard link", reason: "points to the root") }
        return target
    }

    /// The text of a symbolic link.
    static func linkText(_ bytes: [UInt8]) throws(WireError) -> String {
        guard (1...Self.maximumBytes).contains(bytes.count), !bytes.contains(0),
            let text = String(validating: bytes, as: UTF8.self)
        else {
            throw WireError(field: "tar symbolic link", reason: "not 1 to \(Self.maximumBytes) bytes of UTF-8 text")
        }
        return text
    }
}
