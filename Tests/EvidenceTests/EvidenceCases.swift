import Foundation
import TestSupport
import Testing

/// The cases of the evidence vectors, as far as these tests read them.
struct EvidenceCase: Decodable, CustomTestStringConvertible {
    struct Expectation: Decodable {
        var verdict: String
        var reason: String?
        var digest: String?
        var sha384: String?
        var id_key_digest: String?
        var author_key_digest: String?
    }

    struct Parameters: Decodable {
        struct Point: Decodable {
            var x: String
            var y: String
        }
        var mode: String?
        var vcpus: Int?
        var vcpu_sig: UInt32?
        var guest_features: UInt64?
        var sev_features: UInt64?
        var eip: UInt32?
        var vmm_type: String?
        var kernel: String?
        var initrd: String?
        var cmdline: String?
        var ovmf_hash: String?
        var id_key_public: Point?
        var author_key_public: Point?
    }

    struct Claims: Decodable {
        struct Entry: Decodable {
            var kind: String
            var len: Int
        }
        var version: UInt32?
        var guest_svn: UInt32?
        var policy: String?
        var vmpl: UInt32?
        var report_data: String?
        var measurement: String?
        var host_data: String?
        var chip_id: String?
        var report_id: String?
        var reported_tcb: String?
        var entries: [Entry]?
    }

    var id: String
    var tee: String
    var files: [String: Names]
    var params: Parameters
    var expect: Expectation
    var claims: Claims?

    /// A file or a list of files.
    enum Names: Decodable {
        case one(String)
        case many([String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .one(text)
            } else {
                self = .many(try container.decode([String].self))
            }
        }
    }

    var testDescription: String { id }

    func bytes(_ role: String) throws -> [UInt8]? {
        guard case .one(let path) = files[role] else { return nil }
        return try Vectors.bytes("evidence/\(path)")
    }

    private struct Manifest: Decodable { var cases: [EvidenceCase] }

    static let all: [EvidenceCase] = {
        guard Vectors.available, let data = try? Data(contentsOf: Vectors.url("evidence/manifest.json")) else {
            return []
        }
        return (try? JSONDecoder().decode(Manifest.self, from: data))?.cases ?? []
    }()

    static func named(_ prefix: String) -> [EvidenceCase] { all.filter { $0.id.hasPrefix(prefix) } }
}
