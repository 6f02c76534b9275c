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
    /// Paths of files that share a role, in the manifest's order; a role of one file is in ``files``, listed or not.
    let fileLists: [String: [String]]
    /// The manifest's folder.
    let folder: String
    /// The clock, the expected nonce, the policy, …
    public let params: JSONValue
    /// Why the case cannot be played at all; the others of its manifest still can.
    let fault: WireError?

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
            guard let id = element["id"]?.stringValue else {
                throw WireError(field: "cases", reason: "a case has no id")
            }
            guard ids.isEmpty || ids.contains(id) else { return nil }
            return EvidenceCase(id: id, element, folder: folder)
        }
    }

    private init(id: String, _ element: JSONValue, folder: String) {
        self.id = id
        self.folder = folder
        tee = element["tee"]?.stringValue ?? ""
        var roles: [String: [String]] = [:]
        var fault: WireError?
        do throws(WireError) {
            roles = try Self.paths(element["files"] ?? .null, folder)
        } catch { fault = error }
        files = roles.compactMapValues { $0.count == 1 ? $0[0] : nil }
        fileLists = roles.filter { $0.value.count > 1 }
        let params = element["params"] ?? .null
        self.params = params == .null ? .object([:]) : params
        if self.params.objectValue == nil { fault = WireError(field: "params", reason: "must be an object") }
        self.fault = fault
    }

    /// The paths by role; a role whose files cannot be told would be passed over, so it is refused.
    private static func paths(_ files: JSONValue, _ folder: String) throws(WireError) -> [String: [String]] {
        guard files != .null else { return [:] }
        var fields = try JSONFields(files, path: "files")
        var paths: [String: [String]] = [:]
        for role in fields.remainingKeys {
            guard let value = fields.optionalValue(role) else { continue }
            let names = value.stringValue.map { [$0] } ?? value.arrayValue?.compactMap(\.stringValue) ?? []
            guard !names.isEmpty, names.count == value.arrayValue?.count ?? 1 else {
                throw fields.refusal(role, "must be a path or a list of paths")
            }
            paths[role] = names.map { "\(folder)/\($0)" }
        }
        return paths
    }

    /// The bytes of the file in a role.
    func bytes(_ role: String) throws -> [UInt8] {
        guard fileLists[role] == nil else { throw WireError(field: role, reason: "the case has several such files") }
        guard let path = files[role] else { throw WireError(field: role, reason: "the case has no such file") }
        return try Self.content(path, role)
    }

    /// The bytes of the files that share a role; none when the case has no such role.
    func list(_ role: String) throws -> [[UInt8]] {
        try (fileLists[role] ?? files[role].map { [$0] } ?? []).map { try Self.content($0, role) }
    }

    /// The bytes of the files that a parameter lists by path. A path with `*` names the vendors' roots, which are built in.
    func listed(_ name: String) throws -> [[UInt8]] {
        var fields = try JSONFields([name: params[name] ?? .null], path: "params")
        return try fields.optionalStrings(name).filter { !$0.contains("*") }.map {
            try Self.content("\(folder)/\($0)", name)
        }
    }

    private static func content(_ path: String, _ role: String) throws -> [UInt8] {
        let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
        guard bytes.count <= largest else { throw WireError(field: role, reason: "is over \(largest) bytes") }
        return bytes
    }

    /// The bytes of the file in a role that a case may lack.
    func optionalBytes(_ role: String) throws -> [UInt8]? {
        files[role] == nil && fileLists[role] == nil ? nil : try bytes(role)
    }

    /// A parameter that is a text; nil when it is absent or null.
    func text(_ name: String) throws -> String? {
        guard let value = params[name], value != .null else { return nil }
        guard let text = value.stringValue else { throw WireError(field: name, reason: "must be a text") }
        return text
    }

    /// A parameter in hex; nil when it is absent or null.
    func hex(_ name: String) throws -> [UInt8]? { try text(name).map { try Hex.decode($0, field: name) } }

    /// The clock of the case, in seconds since 1970; the real time when it has none.
    func now() throws -> Int64 {
        if let seconds = params["verify_at"]?.integerValue { return seconds }
        guard let text = try text("verify_at") else { return Int64(Date().timeIntervalSince1970) }
        let withFraction = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = (try? Date(text, strategy: .iso8601)) ?? (try? Date(text, strategy: withFraction)) else {
            throw WireError(field: "verify_at", reason: "is no time in ISO 8601")
        }
        return Int64(date.timeIntervalSince1970.rounded(.down))
    }
}
