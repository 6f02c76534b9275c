import ArgumentParser
import Evidence
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

    @Option(
        help: ArgumentHelp(
            "Refuse unless the machine gives this, such as memory-integrity; may be given often.", valueName: "name"))
    var protection: [String] = []

    /// Refuses names that no protection has.
    func checkProtections() throws {
        for name in protection where Protection(rawValue: name) == nil {
            let known = Protection.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--protection \(name): known are \(known).")
        }
    }

    /// The measurements that would do.
    func measurements() throws(WireError) -> Set<[UInt8]> {
        var found: Set<[UInt8]> = []
        for text in measurement { found.insert(try Hex.decode(text, field: "--measurement")) }
        return found
    }

    /// The policy that is asked for; nil when none is.
    ///
    /// - Parameter now: When reference values must hold, in seconds since 1970.
    func attestationPolicy(now: Int64) throws -> AttestationPolicy? {
        guard policy != nil || referenceValues != nil else { return nil }
        return try AttestationPolicy(
            identifier: policy.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
                ?? DefaultPolicy.identifier,
            source: try policy.map { try PolicyFiles.text(at: $0) } ?? DefaultPolicy.source,
            references: try references(now: now))
    }

    /// The values of the file: a store, whose values end, or an object of names and values.
    private func references(now: Int64) throws -> any ReferenceValueSource {
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
