import Foundation
import Testing
import WireFormat

/// A case of the evidence manifest as JSON, for suites that need parameters of their own.
public struct RawCase: Sendable, CustomTestStringConvertible {
    /// The case's name in the manifest.
    public var id: String
    /// What the evidence is presented as.
    public var tee: String
    /// Files by their role.
    public var files: [String: String]
    /// What a verifier is asked beside.
    public var params: JSONValue
    /// What a correct verifier concludes.
    public var expect: JSONValue
    /// The claims of evidence that is accepted.
    public var claims: JSONValue?

    /// The name.
    public var testDescription: String { id }

    /// The file of a role.
    public func bytes(_ role: String) throws -> [UInt8] {
        guard let path = files[role] else { throw WireError(field: role, reason: "is not among the files") }
        return try Vectors.bytes("evidence/\(path)")
    }

    /// All cases; none where the vectors are missing.
    public static let all: [RawCase] = {
        guard Vectors.available, let bytes = try? Vectors.bytes("evidence/manifest.json"),
            let manifest = try? JSONValue.parse(bytes, limits: JSONLimits(depth: 64, size: 64 << 20))
        else { return [] }
        return (manifest["cases"]?.arrayValue ?? []).compactMap { element in
            guard let id = element["id"]?.stringValue, let tee = element["tee"]?.stringValue else { return nil }
            return RawCase(
                id: id, tee: tee, files: (element["files"]?.objectValue ?? [:]).compactMapValues(\.stringValue),
                params: element["params"] ?? .null, expect: element["expect"] ?? .null, claims: element["claims"])
        }
    }()

    /// Cases with a file in a role, of genuine or at least well-formed evidence.
    public static func accepted(_ tee: String, with role: String) -> [RawCase] {
        all.filter { $0.tee == tee && $0.files[role] != nil && $0.expect["verdict"] != "reject" }
    }
}
