import Foundation
import WireFormat

/// Folders that somebody named: one that cannot be used is an error, not an empty folder.
public enum UsableFolder {
    /// Refuses a folder that cannot be read, or written to where that is wanted; one that is to be written is made.
    ///
    /// - Parameters:
    ///   - path: The folder.
    ///   - option: What named it.
    ///   - isWritten: Whether files will be put there.
    public static func check(_ path: String, _ option: String, isWritten: Bool) throws(WireError) {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        func refusal(_ reason: String) -> WireError { WireError(field: "\(option) \(path)", reason: reason) }
        if !manager.fileExists(atPath: path, isDirectory: &isFolder) {
            guard isWritten else { throw refusal("there is no such folder") }
            do {
                try manager.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw refusal("is not there and cannot be made")
            }
        } else if !isFolder.boolValue {
            throw refusal("is a file, not a folder")
        }
        guard access(path, R_OK | X_OK) == 0 else { throw refusal("cannot be read") }
        guard !isWritten || access(path, W_OK) == 0 else { throw refusal("cannot be written to") }
    }
}
