import ArgumentParser
import AttestedChannel
import Envelope
import Evidence
import Foundation
import HTTPExchange
import NIOPosix
import Verifier
import WireFormat

/// `testudo attest`: fresh evidence of a running Service, verified here, field by field. The node gives no verdict.
struct AttestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attest", abstract: "Verify fresh evidence of a running Service, field by field.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The Service.") var name: String
    @Option(name: .shortAndLong, help: "The namespace.") var namespace = "default"
    @Flag(help: "Refuse simulated processors, whatever this deployment pins.") var hardwareOnly = false
    @Flag(help: "Print digests whole and lines unbroken.") var full = false

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        let attestation = Attestation(state: common.folder, settings: settings, hardwareOnly: hardwareOnly)
        let result = try await attestation.verify(name: name, namespace: namespace)
        common.show(result.json, text: full ? result.text(width: nil) : result.text(width: TextTable.lineWidth))
        if result.simulated { Warning.simulated(name) }
        if !result.isAccepted { throw ExitCode(4) }
    }
}

/// Verification of one Service with the roots and reference values of this tenant.
struct Attestation: Sendable {
    /// What was found, whatever the verdict.
    struct Result: Sendable {
        let isAccepted: Bool
        let status: String
        let simulated: Bool
        let fields: [FieldVerdict]
        let reason: String

        var json: JSONValue {
            .object([
                "accepted": .bool(isAccepted), "status": .string(status), "simulated": .bool(simulated),
                "reason": .string(reason), "fields": .array(fields.map(\.json)),
            ])
        }

        /// The table; with a width, values are shortened and reasons broken.
        func text(width: Int?) -> String {
            let rows =
                [["FIELD", "VALUE", "VERDICT", "WHY"]]
                + fields.map {
                    [$0.field, width == nil ? $0.value : TextTable.short($0.value), $0.verdict.rawValue, $0.reason]
                }
            let note =
                simulated
                ? "\nSIMULATED: the security processor is software on the host; it proves nothing about it" : ""
            return
                "\(TextTable.render(rows, width: width))\n\n\(isAccepted ? "accepted" : "REFUSED"): \(status) \(reason)\(note)"
        }
    }

    let state: StateFolder
    let settings: Settings
    var hardwareOnly = false

    /// Asks the Service over its own TLS connection, whose key the evidence has to name.
    func evidence(name: String, namespace: String) async throws -> ServiceEvidence {
        let call = ServiceCall(state: state, settings: settings)
        _ = try await NodeClient(state: state, settings: settings).call(
            "GET", NodeClient.servicePath(namespace, name))
        let exchanger = HTTPExchanger(
            endpoint: try call.endpoint(name, namespace, scheme: "https"), dialer: LoopbackDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, timeoutSeconds: 120, connectSeconds: 120)
        do {
            return try await AttestedService(exchanger: exchanger).evidence()
        } catch {
            throw CommandFailure("\(name) gave no evidence: \(error)", hint: "`testudo get \(name)` says how it stands")
        }
    }

    func verify(name: String, namespace: String) async throws -> Result {
        let service = try await evidence(name: name, namespace: namespace)
        let entry = try await registration(service.manifestDigest)
        let registered = Self.standing(
            entry, technology: service.technology, service.manifestDigest, name: name, namespace: namespace)
        let references = try await releasedReferences()
        do throws(EvidenceRefusal) {
            let raw = try RawEvidence(tee: service.technology, primaryEvidence: service.primary)
            let verifier = SNPVerifier(
                anchors: try anchors(),
                collateral: .revocationListOptional(because: "no revocation list is cached on this machine")
            ) { Int64(Date().timeIntervalSince1970) }
            let verified = try verifier.verify(raw)
            let expected = Expectations(
                reportData: ReportBinding.attest(
                    nonce: service.nonce, tlsKeySHA256: service.tlsKeyDigest, manifestDigest: service.manifestDigest,
                    epoch: service.epoch),
                launch: .initData(digest: service.manifestDigest.bytes), allowsDebugGuest: false,
                guestVersion: entry?["guestVersion"]?.stringValue)
            let appraisal = try Appraiser(references: references).appraise(verified, expecting: expected)
            return Result(
                isAccepted: registered.verdict == .passed, status: "\(appraisal.status)",
                simulated: appraisal.simulated, fields: appraisal.fields + [registered],
                reason: registered.verdict == .passed ? "every check passed" : registered.reason)
        } catch {
            return Result(
                isAccepted: false, status: error.check.rawValue, simulated: service.technology.hasPrefix("soft"),
                fields: error.fields + [registered], reason: error.reason)
        }
    }

    /// The reference values that the tenant's broker took because the release key signed them (rule R9).
    private func releasedReferences() async throws -> ReferenceValues {
        let answer = try await BrokerAdmin(state: state, settings: settings).json(
            "GET", "/kbs/v0/testudo/reference-values")
        var values: Set<ReferenceValue> = []
        for document in answer.arrayValue ?? [answer] {
            let release = try ReleaseDocument(parsing: document)
            if release.isValid(at: ReferenceValueFile.now) { values.formUnion(release.values.values) }
        }
        return ReferenceValues(values)
    }

    private func anchors() throws(EvidenceRefusal) -> TrustAnchors {
        guard !hardwareOnly, settings.allowsSimulated,
            let record = try? StateFolder.read("\(state.tenant)/soft-root.json"),
            let fingerprint = (try? JSONValue.parse(record))?["arkSHA256"]?.stringValue,
            let anchors = try? TrustAnchors(softRootFingerprints: [fingerprint])
        else { return .hardwareOnly }
        return anchors
    }

    /// What the tenant registered about a manifest; nil when nothing.
    private func registration(_ digest: SHA256Digest) async throws -> JSONValue? {
        try await BrokerAdmin(state: state, settings: settings).manifests().first {
            $0["digest"]?.stringValue.map { $0 == digest.hex || $0 == digest.description } ?? false
        }
    }

    /// Whether the tenant registered the manifest under this name, for guests on this kind of processor.
    static func standing(
        _ entry: JSONValue?, technology: String, _ digest: SHA256Digest, name: String, namespace: String
    ) -> FieldVerdict {
        let isOurs = entry?["name"]?.stringValue == name && entry?["namespace"]?.stringValue == namespace
        let now = Int64(Date().timeIntervalSince1970)
        let isActive = entry?["state"]?.stringValue == "active" && (entry?["expires"]?.integerValue ?? 0) > now
        let isSimulated = Technology(rawValue: technology)?.isSimulated ?? true
        let mayBeSimulated = entry?["simulated"]?.boolValue ?? false
        let reason =
            if !isOurs || !isActive {
                "not registered for \(namespace)/\(name)"
            } else if isSimulated, !mayBeSimulated {
                "registered for hardware only, and this guest's processor is simulated"
            } else {
                "registered for \(namespace)/\(name)"
            }
        return FieldVerdict(
            field: "manifest registration", value: digest.hex,
            verdict: isOurs && isActive && (mayBeSimulated || !isSimulated) ? .passed : .failed, reason: reason)
    }
}
