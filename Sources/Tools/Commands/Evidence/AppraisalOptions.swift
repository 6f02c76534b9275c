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
            "A file of `testudo reference-values --file`, or an object of names and values, for the attestation policy; "
                + "without --policy for the default one.",
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

    /// The policy that is asked for; nil when none is.
    ///
    /// - Parameter now: Seconds since 1970; what has expired then is not known.
    func attestationPolicy(at now: Int64) throws -> AttestationPolicy? {
        guard policy != nil || referenceValues != nil else { return nil }
        return try AttestationPolicy(
            identifier: policy.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
                ?? DefaultPolicy.identifier,
            source: try policy.map { try PolicyFiles.text(at: $0) } ?? DefaultPolicy.source,
            references: try references(at: now))
    }

    private func references(at now: Int64) throws -> any ReferenceValueSource {
        guard let referenceValues else { return FixedReferenceValues([:]) }
        let bytes = try PolicyFiles.bytes(at: referenceValues)
        if ReferenceValueFile.isStore(bytes) {
            return CurrentReferenceValues(try ReferenceValueFile.store(in: bytes)) { now }
        }
        guard let members = try JSONValue.parse(bytes).objectValue else {
            throw WireError(field: referenceValues, reason: "must be an object of reference values by name")
        }
        return FixedReferenceValues(members)
    }
}
