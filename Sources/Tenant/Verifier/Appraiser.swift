import Evidence
import WireFormat

/// Judges authentic evidence: is it bound to what was expected, does it meet the requirements, how far is it trusted?
public struct Appraiser: Sendable {
    /// What evidence must show.
    public let requirements: EvidenceRequirements
    /// The guests that are known.
    public let references: ReferenceValues
    /// What turns claims into trust.
    public let policy: any AppraisalPolicy

    /// Creates an appraiser.
    public init(
        requirements: EvidenceRequirements = .strict, references: ReferenceValues,
        policy: any AppraisalPolicy = StandardPolicy()
    ) {
        self.requirements = requirements
        self.references = references
        self.policy = policy
    }

    /// Checks every binding and requirement; the first that fails refuses.
    public func appraise(
        _ verified: VerifiedEvidence, expecting expectations: Expectations
    ) throws(EvidenceRefusal) -> Appraisal {
        var record = verified.record
        try requirements.distrust.check(verified, &record)
        try Self.checkReportData(verified.report, expectations, &record)
        try Self.checkLaunch(verified.report, expectations.launch, &record)
        try checkGuestPolicy(verified.report, &record)
        try checkProcessor(verified, &record)
        let reference = try checkMeasurement(verified, expectations, &record)
        let protections = ProtectionView(verified, firmware: firmwareFloor(of: reference))
        let claims = SNPClaims.annotated(verified, expectations, protections)
        let vector: TrustVector
        do throws(WireError) {
            vector = try policy.trustVector(
                for: AppraisalInput(
                    technology: verified.technology, simulated: verified.simulated, report: verified.report,
                    reference: reference, claims: claims))
        } catch {
            throw record.refusal(.policy, "appraisal policy", policy.identifier, error.description)
        }
        record.pass("status", vector.status.name, "by appraisal policy \(policy.identifier)")
        return Appraisal(
            verified, reference: reference, trustVector: vector, protections: protections,
            policyIdentifier: policy.identifier, annotatedEvidence: claims, fields: record.fields)
    }

    /// The firmware that was demanded: by the requirements, or else by whoever published the guest.
    private func firmwareFloor(of reference: ReferenceValue?) -> EvidenceRequirements.FirmwareFloor {
        if case .any = requirements.firmware, let floors = reference?.minimumTCB, !floors.isEmpty {
            return .atLeast(floors)
        }
        return requirements.firmware
    }

    private static func checkReportData(
        _ report: SNPReport, _ expectations: Expectations, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        try record.require(
            expectations.reportData.count == 64 && report.reportData == expectations.reportData, .reportData,
            "report data", Hex.encode(report.reportData), passed: "binds this nonce and this guest's keys",
            failed: "the report was made for another nonce, key or statement than those presented with it")
    }

    /// Rule R3: a bound launch comes with its document and an unbound one with none.
    private static func checkLaunch(
        _ report: SNPReport, _ launch: Expectations.Launch, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let value = Hex.encode(report.hostData)
        let isZero = report.hostData.allSatisfy { $0 == 0 }
        switch launch {
        case .initData(let digest):
            guard !isZero else {
                throw record.refusal(
                    .hostData, "host data", value, "the guest was launched for no manifest, but one was presented")
            }
            try record.require(
                report.hostData == digest, .hostData, "host data", value,
                passed: "the guest was launched for this manifest",
                failed: "the guest was launched for another manifest than the one presented")
        case .unbound:
            try record.require(
                isZero, .hostData, "host data", value, passed: "the guest was launched for no manifest",
                failed: "the guest was launched for a manifest that was not presented")
        }
    }

    private func checkGuestPolicy(_ report: SNPReport, _ record: inout VerificationRecord) throws(EvidenceRefusal) {
        let policy = report.policy
        try Self.check(
            requirements.noDebug, !policy.allowsDebug, .debug, "debugging", "\(policy.allowsDebug)",
            passed: "the host cannot read memory", failed: "the host may read the guest's memory", &record)
        try Self.check(
            requirements.noMigrationAgent, !policy.allowsMigrationAgent, .migrationAgent, "migration agent",
            "\(policy.allowsMigrationAgent)", passed: "none may export the guest", failed: "one may export the guest",
            &record)
        try Self.check(
            requirements.singleSocket, policy.requiresSingleSocket, .singleSocket, "single socket",
            "\(policy.requiresSingleSocket)", passed: "the guest stays on one socket",
            failed: "the guest may span sockets",
            &record)
        try record.require(
            report.vmpl <= requirements.highestVMPL, .vmpl, "VMPL", "\(report.vmpl)",
            passed: "at most \(requirements.highestVMPL)",
            failed: "the report does not come from privilege level \(requirements.highestVMPL) or better")
        try record.require(
            report.guestSVN >= requirements.minimumGuestSVN, .guestSVN, "guest SVN", "\(report.guestSVN)",
            passed: "at least \(requirements.minimumGuestSVN)",
            failed: "the guest is older than version \(requirements.minimumGuestSVN)")
        switch requirements.identityKeys {
        case .ignored(let reason): record.skip("identity key", Hex.encode(report.idKeyDigest), because: reason)
        case .exactly(let identity, let author):
            try record.require(
                report.idKeyDigest == identity && report.authorKeyDigest == author, .identityKey, "identity key",
                Hex.encode(report.idKeyDigest), passed: "the launch was signed by the expected keys",
                failed: "the launch was not signed by the expected keys")
        }
    }

    private func checkProcessor(
        _ verified: VerifiedEvidence, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let report = verified.report
        switch requirements.firmware {
        case .any(let reason): record.skip("minimum firmware", Hex.encode(report.reportedTCB.bytes), because: reason)
        case .atLeast(let floors): try Self.checkFirmware(verified, floors, &record)
        }
        let chip = Hex.encode(report.chipID)
        if let provider = verified.endorsement.provider {
            try checkProvider(provider, &record)
            try record.require(
                report.chipID.allSatisfy { $0 == 0 }, .chipID, "chip", chip,
                passed: "not named, as with a provider's key",
                failed: "a provider's key signed, but the report names a chip")
        } else if let hardware = verified.endorsement.hardwareID {
            let padded = hardware + [UInt8](repeating: 0, count: 64 - hardware.count)
            guard report.chipID.contains(where: { $0 != 0 }) else {
                return try Self.check(
                    requirements.chipIdentity, false, .chipID, "chip", chip, passed: "",
                    failed: "the report does not name its chip", &record)
            }
            try record.require(
                report.chipID == padded, .chipID, "chip", chip, passed: "report and certificate agree",
                failed: "the certificate belongs to another chip")
        } else {
            throw record.refusal(.chipID, "chip", chip, "the certificate names neither chip nor provider")
        }
    }

    private static func checkFirmware(
        _ verified: VerifiedEvidence, _ floors: [ProductLine: TCBVersion.Components],
        _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let line = verified.productLine
        let tcb = verified.report.reportedTCB.components(line.layout)
        let isNamed = floors[line] != nil
        try record.require(
            floors[line].map { tcb.meets($0) } ?? false, .minimumTCB, "minimum firmware",
            Hex.encode(verified.report.reportedTCB.bytes), passed: "new enough",
            failed: isNamed
                ? "the firmware of the processor is older than allowed; its owner has to update it"
                : "no firmware of \(line.rawValue) processors is allowed")
    }

    private func checkProvider(
        _ provider: String, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        let failed = "keys of this provider are not accepted"
        switch requirements.providers {
        case .none: throw record.refusal(.provider, "provider", provider, "keys of providers are not accepted")
        case .any(let reason): record.skip("provider", provider, because: reason)
        case .named(let names):
            try record.require(
                names.contains(provider), .provider, "provider", provider, passed: "an accepted provider",
                failed: failed)
        }
    }

    private func checkMeasurement(
        _ verified: VerifiedEvidence, _ expectations: Expectations, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) -> ReferenceValue? {
        let hex = verified.report.measurement.hex
        let reference = references.match(
            verified.technology, verified.report.measurement, preferring: expectations.guestVersion)
        guard let reference else {
            try Self.check(
                requirements.knownMeasurement, false, .measurement, "measurement", hex, passed: "",
                failed: "firmware, kernel, initrd, command line or processor count are not those of a published guest",
                &record)
            return nil
        }
        record.pass("measurement", hex, "guest \(reference.version) with \(reference.processors) processors")
        try record.require(
            !reference.debug || expectations.allowsDebugGuest, .debugGuest, "debug guest", "\(reference.debug)",
            passed: reference.debug ? "a debug guest was asked for" : "a release guest",
            failed: "a debug guest runs, whose console the host can read, but a release was asked for")
        // The firmware that the guest's publisher demands, on top of what holds for all guests.
        for floors in references.firmwareFloors(verified.technology, verified.report.measurement) {
            try Self.checkFirmware(verified, floors, &record)
        }
        if let wanted = expectations.guestVersion {
            // An older release has the holes that the newer one closed; the host chooses what it boots (rule R9).
            try record.require(
                reference.version == wanted, .guestVersion, "guest version", reference.version,
                passed: "the version that the manifest names", failed: "the manifest names guest \(wanted)")
        }
        return reference
    }

    private static func check(
        _ rule: EvidenceRequirements.Rule, _ holds: Bool, _ check: EvidenceCheck, _ field: String, _ value: String,
        passed: String, failed: String, _ record: inout VerificationRecord
    ) throws(EvidenceRefusal) {
        switch rule {
        case .required: try record.require(holds, check, field, value, passed: passed, failed: failed)
        case .ignored(let reason): record.skip(field, value, because: reason)
        }
    }
}
