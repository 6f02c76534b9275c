import AgentProtocol
import CGuest
import Envelope
import Evidence
import Glibc
import NIOPosix
import WireFormat

/// Why no evidence could be made.
struct EvidenceFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Reads reports from a device: the security processor's, or the port of its stand-in. Blocking; used on one thread.
protocol ReportPort: Sendable {
    func report(over data: [UInt8]) throws -> SNPEvidence
}

/// The stand-in's port: one message there, one back.
struct SoftReportPort: ReportPort {
    let port: OpenFile

    func report(over data: [UInt8]) throws -> SNPEvidence {
        try port.writeAll(ReportDeviceMessage.request(reportData: data).encoded)
        var splitter = ReportDeviceSplitter()
        var idle = 0
        while true {
            let bytes = try port.readSome(limit: 16 * 1024)
            if bytes.isEmpty {
                idle += 1
                guard idle < 500 else { throw EvidenceFailure("the report device does not answer") }
                usleep(10_000)
                continue
            }
            guard let body = try splitter.append(bytes).first else { continue }
            switch try ReportDeviceMessage.parseAnswer(body) {
            case .answer(let report, let chain):
                guard chain.count == 3 else { throw EvidenceFailure("the report device sent no full chain") }
                return SNPEvidence(
                    report: try SNPReport(parsing: report),
                    certificates: [.vcek: chain[0], .ask: chain[1], .ark: chain[2]])
            case .refusal(let status): throw EvidenceFailure("the report device refuses with status \(status)")
            case .request: throw EvidenceFailure("the report device sent a request")
            }
        }
    }
}

/// `/dev/sev-guest` of a real SEV-SNP guest. Written after the kernel's interface; there was no hardware to try it on.
struct SEVGuestPort: ReportPort {
    let device: OpenFile

    func report(over data: [UInt8]) throws -> SNPEvidence {
        guard data.count == 64 else { throw EvidenceFailure("report data must be 64 bytes") }
        let capacity = 32 * 1024
        let table = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 4096)
        defer { table.deallocate() }
        var report = [UInt8](repeating: 0, count: 1184)
        let length = cg_snp_report(
            device.number, data, &report, table.assumingMemoryBound(to: UInt8.self), UInt32(capacity))
        try SystemFailure.check(length, "ask the security processor for a report")
        let bytes = Array(UnsafeRawBufferPointer(start: table, count: Int(length)))
        // The host supplies the table and the verifier checks it; a guest without one still has a report to show.
        let certificates = bytes.allSatisfy { $0 == 0 } ? [:] : try CertificateTable(parsing: bytes).entries
        return SNPEvidence(report: try SNPReport(parsing: report), certificates: certificates)
    }
}

/// The only way to a report, and the only place where report data is made (rule R1): the caller chooses at most a nonce,
/// never the 64 bytes. Two forms exist, told apart by construction: the handshake's, over this guest's own key, and the
/// attestation endpoint's, under a purpose tag.
actor ReportDevice {
    private let port: any ReportPort
    private let thread = NIOThreadPool(numberOfThreads: 1)
    /// What kind of report it gives.
    nonisolated let technology: Technology

    private init(port: any ReportPort, technology: Technology) {
        self.port = port
        self.technology = technology
        thread.start()
    }

    /// Finds the device of this machine, if there is one. Hardware comes first: a port is the host's to add.
    static func find() throws -> ReportDevice? {
        if access("/dev/sev-guest", F_OK) == 0 {
            return ReportDevice(
                port: SEVGuestPort(device: try OpenFile(opening: "/dev/sev-guest", flags: O_RDWR)), technology: .snp)
        }
        if let device = VirtioPorts.device(named: VirtioPorts.report) {
            return ReportDevice(
                port: SoftReportPort(port: try OpenFile(opening: device, flags: O_RDWR)), technology: .softSNP)
        }
        return nil
    }

    /// Uses a given port, for tests.
    init(testing port: any ReportPort) {
        self.init(port: port, technology: .softSNP)
    }

    /// A report for the key broker's handshake. The key is this guest's own; the additional evidence holds the latched digest.
    func handshakeReport(
        teePublicKey: JSONValue, nonce: String, identity: PodIdentity
    ) async throws -> SNPEvidence {
        try await read(
            ReportBinding.rcar(
                teePublicKey: teePublicKey, nonce: nonce, additionalEvidence: identity.additionalEvidence))
    }

    /// A report for whoever asks the attestation endpoint.
    func attestationReport(nonce: [UInt8], identity: PodIdentity) async throws -> SNPEvidence {
        try await read(
            ReportBinding.attest(
                nonce: nonce, tlsKeySHA256: identity.tlsKey, manifestDigest: identity.manifest, epoch: identity.epoch))
    }

    /// Checks that this machine was launched for the latched manifest and for nothing else (rule R3).
    func checkLaunch(for identity: PodIdentity) async throws {
        let signed = try await attestationReport(nonce: [UInt8](repeating: 0, count: 32), identity: identity)
        guard signed.report.hostData == identity.manifest.bytes else {
            throw EvidenceFailure("this machine was launched for another manifest than the one it was given")
        }
    }

    private func read(_ data: [UInt8]) async throws -> SNPEvidence {
        let port = port
        let signed = try await thread.runIfActive { try port.report(over: data) }
        // A device that signs something else than what it was given is no device of ours.
        guard signed.report.reportData == data else { throw EvidenceFailure("the report is over other data") }
        return signed
    }
}
