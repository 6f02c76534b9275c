import Foundation

/// The test vectors that lie beside the repository: read in place, never copied into it.
///
/// `TESTUDO_VECTORS` names their folder; without it `../shared/vectors` beside the repository is meant. Tests that need
/// them say `.enabled(if: Vectors.available)`, so that their absence shows as skipped tests.
public enum Vectors {
    /// The folder of all vectors.
    public static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["TESTUDO_VECTORS"] { return URL(fileURLWithPath: path) }
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return repository.deletingLastPathComponent().appendingPathComponent("shared/vectors")
    }()

    /// Whether the vectors are here.
    public static let available = FileManager.default.fileExists(
        atPath: folder.appendingPathComponent("README.md").path)

    /// The place of a file given its path below the folder, such as `evidence/manifest.json`.
    public static func url(_ path: String) -> URL { folder.appendingPathComponent(path) }

    /// The bytes of a file.
    public static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: url(path))) }

    /// The text of a file.
    public static func text(_ path: String) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }
}
