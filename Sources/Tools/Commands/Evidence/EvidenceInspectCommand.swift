import ArgumentParser
import Evidence
import Foundation
import WireFormat

/// `testudo evidence inspect`: what a file of evidence says, believed or not.
struct EvidenceInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what evidence says. Nothing is verified: see `evidence verify`.")

    @Flag(help: "Print JSON instead of text.") var json = false
    @Argument(help: "Evidence of any known format: reports, quotes, JSON evidence, event logs, certificate tables.")
    var file: String

    func run() throws { try report().finish() }

    func report() throws -> PolicyReport {
        let evidence: EvidenceFile
        do {
            evidence = try EvidenceFile(try PolicyFiles.bytes(at: file))
        } catch {
            return .failure("\(error)", json: json)
        }
        let members = Self.members(evidence)
        if json {
            let fields = [("format", JSONValue.string(evidence.kind))] + members
            return PolicyReport(
                output: ShownText.json(
                    JSONValue.object(Dictionary(fields, uniquingKeysWith: { first, _ in first })).prettyText))
        }
        let lines = members.map { name, value in "\(name): \(value.stringValue ?? value.canonicalText)" }
        return PolicyReport(
            output: ([evidence.kind] + lines + ["not verified: `testudo evidence verify` says whether to believe it"])
                .map { ShownText.line($0) }.joined(separator: "\n"))
    }

    private static func members(_ evidence: EvidenceFile) -> [(String, JSONValue)] {
        switch evidence {
        case .snp(let evidence): snp(evidence)
        case .quote(let quote): Self.quote(quote)
        case .tpm(let evidence): tpm(evidence.message) + [("pcrs", evidence.registers)]
        case .azure(let evidence): hcl((try? HCLReport(parsing: evidence.hclReport))) + tpm(evidence.message)
        case .hcl(let report): hcl(report)
        case .eventLog(let log): eventLog(log)
        case .certificates(let table):
            table.listing.map { ($0.kind.rawValue, .string("\($0.bytes.count) bytes")) }
        }
    }

    private static func snp(_ evidence: SNPEvidence) -> [(String, JSONValue)] {
        let report = evidence.report
        return [
            ("product", .string(report.productLine?.rawValue ?? "not named")),
            ("signing_key", .string("\(report.signingKey)".uppercased())),
            ("measurement", .string(report.measurement.hex)), ("report_data", hex(report.reportData)),
            ("host_data", hex(report.hostData)), ("guest_svn", .integer(Int64(report.guestSVN))),
            ("vmpl", .integer(Int64(report.vmpl))),
            ("policy", .string("0x" + String(report.policy.rawValue, radix: 16))),
            ("debug", .bool(report.policy.allowsDebug)), ("migration_agent", .bool(report.policy.allowsMigrationAgent)),
            ("reported_tcb", hex(report.reportedTCB.bytes)), ("chip_id", hex(report.chipID)),
            ("id_key_digest", hex(report.idKeyDigest)), ("author_key_digest", hex(report.authorKeyDigest)),
            ("report_id", hex(report.reportID)),
            (
                "certificates",
                .array(evidence.certificates.keys.map(\.rawValue).sorted().map { .string($0) })
            ),
        ]
    }

    private static func quote(_ quote: Quote) -> [(String, JSONValue)] {
        let common: [(String, JSONValue)] = [
            ("body_type", .integer(Int64(quote.bodyType))), ("user_data", hex(quote.header.userData)),
            ("trailing_bytes", .integer(Int64(quote.trailing.count))),
        ]
        switch quote.body {
        case .domain(let report):
            var members: [(String, JSONValue)] = [
                ("mrtd", hex(report.mrTD)), ("report_data", hex(report.reportData)),
                ("mrconfigid", hex(report.mrConfigID)), ("mrowner", hex(report.mrOwner)),
                ("mrownerconfig", hex(report.mrOwnerConfig)), ("mrseam", hex(report.mrSEAM)),
                ("tee_tcb_svn", hex(report.tcbSVN)), ("tdattributes", hex(report.attributes.bytes)),
                ("debug", .bool(report.attributes.debug)),
                ("migratable", .bool(report.attributes.migratable)), ("xfam", hex(report.xfam)),
            ]
            for (index, register) in report.rtmr.enumerated() { members.append(("rtmr\(index)", hex(register))) }
            return members + common
        case .enclave(let report):
            return [
                ("mrenclave", hex(report.mrEnclave)), ("mrsigner", hex(report.mrSigner)),
                ("isvprodid", .integer(Int64(report.productID))), ("isvsvn", .integer(Int64(report.isvSVN))),
                ("report_data", hex(report.reportData)), ("config_id", hex(report.configurationID)),
                ("attributes", hex(report.attributes)), ("debug", .bool(report.isDebug)),
            ] + common
        }
    }

    private static func tpm(_ message: [UInt8]) -> [(String, JSONValue)] {
        guard let attestation = try? TPMAttestation(parsing: message) else { return [("tpm_quote", "is malformed")] }
        var members: [(String, JSONValue)] = [
            ("nonce", hex(attestation.extraData)), ("qualified_signer", hex(attestation.qualifiedSigner)),
            ("reset_count", .integer(Int64(attestation.clock.resetCount))),
            ("restart_count", .integer(Int64(attestation.clock.restartCount))),
        ]
        if case .quote(let selections, let digest) = attestation.body {
            for selection in selections {
                let registers = selection.registers.map { JSONValue.integer(Int64($0)) }
                members.append(("registers \(selection.bank?.name ?? "of an unknown bank")", .array(registers)))
            }
            members.append(("pcr_digest", hex(digest)))
        }
        return members
    }

    private static func hcl(_ report: HCLReport?) -> [(String, JSONValue)] {
        guard let report else { return [("hcl_report", "is malformed")] }
        var members: [(String, JSONValue)] = [
            ("hcl_version", .integer(Int64(report.version))),
            ("runtime_data", .string(String(decoding: report.runtimeData, as: UTF8.self))),
        ]
        if let data = report.reportData(as: report.kind) { members.append(("hardware_report_data", hex(data))) }
        return members
    }

    private static func eventLog(_ log: BootEventLog) -> [(String, JSONValue)] {
        log.events.enumerated().map { index, event in
            (
                "event \(index)",
                [
                    "register": .integer(Int64(event.register)), "type": .integer(Int64(event.type.rawValue)),
                    "digests": .array(event.digests.map { hex($0.bytes) }), "bytes": .integer(Int64(event.data.count)),
                ]
            )
        }
    }

    private static func hex(_ bytes: [UInt8]) -> JSONValue { .string(Hex.encode(bytes)) }
}
