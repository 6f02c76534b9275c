import EndorsementSources
import Evidence
import Verifier
import WireFormat

/// The files that the appraisal of evidence needs beside what is built in: the member `attestation` of the configuration.
public struct AttestationFiles: Sendable, Equatable {
    /// The tenant's attestation policy in Rego; nil for the default one.
    public var policy: String?
    /// Certificates, revocation lists and Intel's published data; read again when they change.
    public var endorsements: [String]
    /// The keys of TPMs that are known (PEM, DER or TPM2B).
    public var attestationKeys: [String]
    /// The Arm platforms that are known, in the form of trustee's trust anchor stores; nil for none.
    public var platforms: String?

    /// Takes the member out of the configuration; `absolute` makes a path of a file's name.
    init(_ configuration: inout JSONFields, _ absolute: (String) -> String) throws(WireError) {
        guard var fields = try configuration.optionalFields("attestation") else {
            (endorsements, attestationKeys) = ([], [])
            return
        }
        policy = try fields.optionalString("policy").map(absolute)
        endorsements = try fields.optionalStrings("endorsements").map(absolute)
        attestationKeys = try fields.optionalStrings("attestationKeys").map(absolute)
        platforms = try fields.optionalString("platforms").map(absolute)
        try fields.finish()
    }

    /// The appraisers of all technologies, with what the files hold now.
    ///
    /// - Parameter stored: The policy that an administrator set, in place of the file's.
    func appraiser(
        softRoots: [String], revocationLists: [String], fetching: EndorsementSettings,
        references: any ReferenceValueSource, stored: String? = nil, clock: BrokerClock
    ) throws(BrokerError) -> AppraiserTable {
        func read(_ path: String, _ what: String) throws(BrokerError) -> [UInt8] {
            try PrivateFile.readPublic(path, what: what)
        }
        var source = stored
        if let policy, source == nil {
            source = String(decoding: try read(policy, "attestation policy"), as: UTF8.self)
        }
        var keys: [[UInt8]] = []
        for path in attestationKeys { keys.append(try read(path, "attestation key")) }
        let arm = try platforms.map { (path) throws(BrokerError) in try read(path, "platforms") }
        let shelf = try shelf(revocationLists, fetching, clock)
        do throws(WireError) {
            var settings = VerificationSettings(
                anchors: try TrustAnchors(softRootFingerprints: softRoots), clock: { clock.seconds })
            for key in keys { settings.attestationKeys.insert(try AttestationKey(parsing: key).publicKeyInfo) }
            if let arm { settings.platforms = try CCAEndorsement.list(json: try JSONValue.parse(arm)) }
            let others = try SubmissionAppraiser(
                settings: settings, shelf: shelf, references: references, policy: source)
            let tenant = try source.map { (text) throws(WireError) in try Self.compile(text, references) }
            return AppraiserTable([
                try Self.reports(softRoots, revocationLists, shelf, tenant, clock), others,
            ])
        } catch {
            throw BrokerError(.failed, check: "configuration", "attestation: \(error.field): \(error.reason)")
        }
    }

    private func shelf(
        _ revocationLists: [String], _ fetching: EndorsementSettings, _ clock: BrokerClock
    ) throws(BrokerError) -> EndorsementShelf {
        let supply: EndorsementSupply
        do throws(WireError) { supply = try fetching.supply(clock: clock) } catch {
            throw BrokerError(.failed, check: "configuration", "endorsements: \(error.field): \(error.reason)")
        }
        return try EndorsementShelf(paths: endorsements + revocationLists, supply: supply)
    }

    private static func compile(
        _ source: String, _ references: any ReferenceValueSource
    ) throws(WireError) -> AttestationPolicy {
        do {
            return try AttestationPolicy(identifier: "tenant", source: source, references: references)
        } catch {
            throw WireError(field: "policy", reason: error.description)
        }
    }

    private static func reports(
        _ softRoots: [String], _ revocationLists: [String], _ shelf: EndorsementShelf, _ policy: AttestationPolicy?,
        _ clock: BrokerClock
    ) throws(WireError) -> ReportAppraiser {
        do {
            return try ReportAppraiser(
                softRoots: softRoots, revocationLists: revocationLists, shelf: shelf, policy: policy, clock: clock)
        } catch {
            throw WireError(field: error.check, reason: error.detail)
        }
    }
}
