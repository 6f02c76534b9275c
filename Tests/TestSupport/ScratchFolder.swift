import Foundation

/// A folder that is removed when its owner goes away.
public final class ScratchFolder: Sendable {
    /// Where it is.
    public let path: String

    /// Makes a folder that only this user can enter.
    public init() throws {
        self.path = NSTemporaryDirectory() + "testudo-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: self.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Writes a file and returns its path.
    public func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = "\(self.path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}
