import EvidenceCases
import Foundation
import TestSupport
import Testing
import WireFormat

/// What the manifest expects of a case; the runner never sees it.
struct Expected: Sendable, CustomTestStringConvertible {
    var known: EvidenceCase
    var expect: JSONValue
    var claims: JSONValue?
    var testDescription: String { known.id }

    static let all: [Expected] = {
        guard Vectors.available else { return [] }
        let url = Vectors.url("evidence/manifest.json")
        guard let bytes = try? Array(Data(contentsOf: url)),
            let manifest = try? JSONValue.parse(bytes, limits: JSONLimits(depth: 64, size: 64 << 20)),
            let cases = try? EvidenceCase.read(url.path)
        else { return [] }
        let elements = manifest["cases"]?.arrayValue ?? []
        return zip(cases, elements).map { Expected(known: $0, expect: $1["expect"] ?? .null, claims: $1["claims"]) }
    }()

    /// The members that hold a digest, whatever the case calls it; the first one there is the case's digest.
    private static let digests = [
        "digest", "sha384", "sha256", "mrtd", "launch_measure_b64", "launch_digest", "rtmr0", "rtmr1", "rtmr2",
        "id_key_digest", "author_key_digest",
    ]

    /// Cases whose input is nowhere but among what is expected, which the runner never reads; they must be refused.
    static let unplayable: [String: String] = [
        "launch.sev-measure.digest": "launch_digest: is not given, and there is no firmware to compute it from"
    ]

    /// What is wrong with a result; nil when it is as expected.
    func fault(_ result: CaseResult) -> String? {
        let verdict = result.verdict.rawValue
        if let reason = Self.unplayable[known.id] {
            return verdict == "reject" && result.reason.hasSuffix(reason) ? nil : "\(verdict) (\(result.reason))"
        }
        if expect["verdict"] != "either", expect["verdict"]?.stringValue != verdict {
            return "verdict \(verdict) (\(result.reason)), want \(expect.canonicalText)"
        }
        if let status = expect["tcb_status"]?.stringValue, status != result.tcbStatus {
            return "status \(result.tcbStatus ?? "none"), want \(status)"
        }
        if let claims, claims != result.claims {
            return "claims \(result.claims?.canonicalText ?? "none"), want \(claims.canonicalText)"
        }
        guard verdict == "accept" else {
            return result.reason.isEmpty || result.reason == "ok" ? "no reason" : nil
        }
        let names = Self.digests.filter { expect[$0] != nil }
        if let name = names.first, expect[name]?.stringValue != result.digest {
            return "digest \(result.digest ?? "none"), want \(expect[name]?.stringValue ?? "")"
        }
        // Of several digests one is the case's, and each is a claim by its name.
        for name in names where names.count > 1 && expect[name] != result.claims?[name] {
            return "\(name) \(result.claims?[name]?.stringValue ?? "none"), want \(expect[name]?.stringValue ?? "")"
        }
        return nil
    }
}

@Suite("Evidence manifest", .enabled(if: Vectors.available))
struct ManifestTests {
    @Test func `every case gives verdict, status, claims and digest`() {
        let only = ProcessInfo.processInfo.environment["EVIDENCE_CASES"]
        var families: [String: (right: Int, all: Int)] = [:]
        var faults: [String] = []
        for expected in Expected.all where only.map(expected.known.id.hasPrefix) ?? true {
            let fault = expected.fault(CaseRunner.run(expected.known))
            families[expected.known.tee, default: (0, 0)].all += 1
            if let fault {
                faults.append("\(expected.known.id): \(fault)")
            } else if Expected.unplayable[expected.known.id] != nil {
                print("LACKS INPUT \(expected.known.id)")
            } else {
                families[expected.known.tee, default: (0, 0)].right += 1
            }
        }
        for fault in faults { print("FAILED \(fault)") }
        for (tee, count) in families.sorted(by: { $0.key < $1.key }) { print("\(tee): \(count.right) of \(count.all)") }
        #expect(faults.isEmpty)
        if only == nil { #expect(Expected.all.count == 1_040) }
    }
}
