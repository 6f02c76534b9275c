import Evidence
import Foundation
import TestSupport
import Testing
import Verifier
import WireFormat

/// The cases of Intel quotes in the evidence vectors, and how to play them.
struct IntelCase: Sendable, CustomTestStringConvertible {
    var id: String
    var tee: String
    var files: [String: String]
    var params: JSONValue
    var expect: JSONValue

    var testDescription: String { id }

    static let all: [IntelCase] = {
        guard Vectors.available,
            let manifest = try? JSONValue.parse(
                Vectors.bytes("evidence/manifest.json"), limits: JSONLimits(depth: 64, size: 64 << 20))
        else { return [] }
        return (manifest["cases"]?.arrayValue ?? []).compactMap { element in
            let files = (element["files"]?.objectValue ?? [:]).compactMapValues(\.stringValue)
            guard let id = element["id"]?.stringValue, let tee = element["tee"]?.stringValue,
                ["tdx", "sgx"].contains(tee), files["evidence"] != nil
            else { return nil }
            return IntelCase(
                id: id, tee: tee, files: files, params: element["params"] ?? .null, expect: element["expect"] ?? .null)
        }
    }()

    static func named(_ id: String) throws -> IntelCase { try #require(all.first { $0.id == id }) }

    func bytes(_ role: String) throws -> [UInt8] { try Vectors.bytes("evidence/\(#require(files[role]))") }

    /// Whether the case is to be played with its own root pinned as that of a stand-in.
    var isSynthetic: Bool { files["root"].map { !$0.hasPrefix("anchors/") } ?? false }

    var technology: Technology {
        switch (tee, isSynthetic) {
        case ("tdx", false): .tdx
        case ("tdx", true): .softTDX
        case (_, false): .sgx
        case (_, true): .softSGX
        }
    }

    func anchors() throws -> TrustAnchors {
        try TrustAnchors(softRoots: isSynthetic ? [Fingerprint.sha256(bytes("root"))] : [])
    }

    /// When the case plays, in seconds since 1970.
    func now() throws -> Int64 {
        let text = try #require(params["verify_at"]?.stringValue)
        return Int64(try Date(text, strategy: .iso8601).timeIntervalSince1970)
    }

    func collateral() throws -> IntelCollateral? {
        files["collateral"] == nil ? nil : try IntelCollateral(json: JSONValue.parse(bytes("collateral")))
    }

    func endorsements(_ technology: Technology? = nil, _ anchors: TrustAnchors? = nil) throws
        -> IntelVerifier.Endorsements
    {
        guard let collateral = try collateral() else { return .none(because: "the case has none") }
        return .collateral(
            try CheckedCollateral(
                collateral, for: technology ?? self.technology, anchors: anchors ?? self.anchors()))
    }

    /// What verification found; the debug rule and the values of the case's policy are applied.
    func play() throws -> QuoteEndorsement {
        let now = try now()
        let verifier = IntelVerifier(anchors: try anchors(), clock: { now })
        let quote = try Quote(parsing: bytes("evidence"))
        let requirements = try requirements()
        if tee == "tdx" {
            let verified = try verifier.verify(tdx: quote, as: technology, endorsements())
            _ = try requirements.check(verified)
            return verified.endorsement
        }
        let verified = try verifier.verify(sgx: quote, as: technology, endorsements())
        _ = try requirements.check(verified)
        return verified.endorsement
    }

    private func requirements() throws -> QuoteRequirements {
        let relaxed = EvidenceRequirements.Rule.ignored(because: "the case does not ask for it")
        var requirements = QuoteRequirements.strict
        let allowsDebug = params["policy"]?["allow_debug"] ?? params["allow_debug"]
        requirements.noDebug = allowsDebug == true ? relaxed : .required
        (requirements.septVEDisable, requirements.noServiceTD) = (relaxed, relaxed)
        requirements.status = relaxed
        requirements.minimumEvaluationNumber = Int(params["policy"]?["min_tcb_eval"]?.integerValue ?? 0)
        for (name, value) in params["policy"]?["expect"]?.objectValue ?? [:] {
            let field = try #require(QuoteRequirements.Field(rawValue: name))
            if let number = value.integerValue {
                requirements.expected[field] = [UInt8(number & 0xFF), UInt8(number >> 8)]
            } else {
                requirements.expected[field] = try Hex.decode(#require(value.stringValue), field: name)
            }
        }
        return requirements
    }
}
