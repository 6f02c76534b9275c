import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// What evidence must be, beyond being authentic.
struct AppraisalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The launch measurement that is expected (MEASUREMENT, MRTD or MRENCLAVE); one of several may match.",
            valueName: "hex"))
    var measurement: [String] = []
    @Option(
        help: ArgumentHelp(
            "Appraise with these reference values (testudo reference-values --file); without --policy by the default one.",
            valueName: "file"))
    var referenceValues: String?
    @Option(help: ArgumentHelp("The attestation policy (Rego, package policy).", valueName: "file"))
    var policy: String?
    @Option(
        help: ArgumentHelp(
            "Distrust a product line (line=milan, or an FMSPC), a root (root=SHA256) or a chip (chip=HEX); often.",
            valueName: "what"))
    var distrust: [String] = []

    /// The measurements that would do.
    func measurements() throws(WireError) -> Set<[UInt8]> {
        var found: Set<[UInt8]> = []
        for text in measurement { found.insert(try Hex.decode(text, field: "--measurement")) }
        return found
    }

    /// The policy that is asked for, with reference values as of a time; nil when none is.
    func attestationPolicy(now: Int64) throws -> AttestationPolicy? {
        guard policy != nil || referenceValues != nil else { return nil }
        var references: any ReferenceValueSource = FixedReferenceValues([:])
        if let referenceValues {
            references = CurrentReferenceValues(try ReferenceValueFile(path: referenceValues).load(mustExist: true)) {
                now
            }
        }
        return try AttestationPolicy(
            identifier: policy.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
                ?? DefaultPolicy.identifier,
            source: try policy.map { try PolicyFiles.text(at: $0) } ?? DefaultPolicy.source, references: references)
    }
}
