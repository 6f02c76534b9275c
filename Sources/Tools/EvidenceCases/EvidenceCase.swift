import Foundation
import WireFormat

/// One case of an evidence manifest (the form of `vectors/evidence/manifest.json`): what is to be verified and under which
/// circumstances. What the manifest expects is not part of it and is never read.
public struct EvidenceCase: Sendable {
    /// Its name.
    public let id: String
    /// The technology that the evidence is presented as.
    public let tee: String
    /// Paths of the files by role (`evidence`, `leaf`, `collateral`, …).
    public let files: [String: String]
    /// Paths of files that share a role, in the manifest's order.
    let fileLists: [String: [String]]
    /// The manifest's folder.
    let folder: String
    /// The clock, the expected nonce, the policy, …
    public let params: JSONValue

    /// The largest file of a case, in bytes.
    private static let largest = 64 << 20

    /// The cases of a manifest.
    ///
    /// - Parameters:
    ///   - path: The manifest; paths in it count from its folder.
    ///   - ids: Only these; all when empty.
    public static func read(_ path: String, ids: Set<String> = []) throws -> [EvidenceCase] {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard let data = FileManager.default.contents(atPath: path) else {
            throw WireError(field: "manifest", reason: "there is no such file, or it cannot be read")
        }
        let manifest = try JSONValue.parse(Array(data), limits: JSONLimits(depth: 64, size: largest))
        guard let cases = manifest["cases"]?.arrayValue else {
            throw WireError(field: "cases", reason: "must be a list of cases")
        }
        return try cases.compactMap { element in
            guard let id = element["id"]?.stringValue, let tee = element["tee"]?.stringValue else {
                throw WireError(field: "cases", reason: "a case has no id or no tee")
            }
            guard ids.isEmpty || ids.contains(id) else { return nil }
            let roles = element["files"]?.objectValue ?? [:]
            let files = roles.compactMapValues(\.stringValue).mapValues { "\(folder)/\($0)" }
            let lists = roles.compactMapValues { $0.arrayValue?.compactMap(\.stringValue).map { "\(folder)/\($0)" } }
            return EvidenceCase(
                id: id, tee: tee, files: files, fileLists: lists, folder: folder,
                params: element["params"] ?? .object([:]))
        }
    }

    /// The bytes of the file in a role.
    func bytes(_ role: String) throws -> [UInt8] {
        guard let path = files[role] else { throw WireError(field: role, reason: "the case has no such file") }
        return try Self.content(path, role)
    }

    /// The bytes of the files that share a role; none when the case has no such role.
    func list(_ role: String) throws -> [[UInt8]] { try (fileLists[role] ?? []).map { try Self.content($0, role) } }

    /// The bytes of the files that a parameter lists by path. A path with `*` names the vendors' roots, which are built in.
    func listed(_ name: String) throws -> [[UInt8]] {
        try (params[name]?.arrayValue ?? []).compactMap(\.stringValue).filter { !$0.contains("*") }.map {
            try Self.content("\(folder)/\($0)", name)
        }
    }

    private static func content(_ path: String, _ role: String) throws -> [UInt8] {
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
        guard bytes.count <= largest else { throw WireError(field: role, reason: "is over \(largest) bytes") }
        return bytes
    }

    /// The bytes of the file in a role that a case may lack.
    func optionalBytes(_ role: String) throws -> [UInt8]? { files[role] == nil ? nil : try bytes(role) }

    /// A parameter in hex.
    func hex(_ name: String) throws -> [UInt8]? {
        try params[name]?.stringValue.map { try Hex.decode($0, field: name) }
    }

    /// The clock of the case, in seconds since 1970; the real time when it has none.
    func now() throws -> Int64 {
        guard let text = params["verify_at"]?.stringValue else { return Int64(Date().timeIntervalSince1970) }
        return Int64(try Date(text, strategy: .iso8601).timeIntervalSince1970)
    }
}
