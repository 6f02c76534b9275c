import CLinux
import Evidence
import WireFormat

/// The simulated chip at work: composes and signs reports of the machine it started.
public struct SoftReportSigner: Sendable {
    /// The firmware versions the simulated chip claims.
    static let tcb = TCBVersion(TCBVersion.Components(bootLoader: 4, tee: 0, snp: 22, microcode: 213))
    static let firmware = SNPReport.FirmwareVersion(major: 1, minor: 55, build: 21)

    private let endorsements: SoftEndorsements
    private let chipID: [UInt8]
    private let reportID: [UInt8]

    /// Puts keys to use; each process, that is each machine, has a report identity of its own.
    public init(_ endorsements: SoftEndorsements) throws(SoftTEEError) {
        self.endorsements = endorsements
        self.chipID = try Self.chipID(in: endorsements.vcekDER)
        var identity = [UInt8](repeating: 0, count: 32)
        guard cl_getrandom(&identity, identity.count) >= 0 else { throw SoftTEEError("the kernel gives no randomness") }
        self.reportID = identity
    }

    /// What `init` and `show` print: the fingerprint that a verifier pins.
    public var summary: JSONValue {
        [
            "simulated": true, "technology": .string(Technology.softSNP.rawValue),
            "arkSHA256": .string(Hex.encode(self.endorsements.rootFingerprint)),
            "chipID": .string(Hex.encode(self.chipID)),
        ]
    }

    /// A signed report with its certificates.
    ///
    /// - Parameters:
    ///   - data: The guest's 64 bytes.
    ///   - measurement: What this process measured before it started the guest.
    ///   - hostData: What the launch bound.
    public func report(
        data: [UInt8], measurement: LaunchMeasurement, hostData: [UInt8]
    ) throws(SoftTEEError) -> ReportPort.Answer {
        do {
            var report = try SNPReport.composed(
                reportData: data, measurement: measurement, hostData: hostData, policy: .launch, chipID: self.chipID,
                reportID: self.reportID, processor: SoftEndorsements.processor, tcb: Self.tcb, firmware: Self.firmware)
            try self.endorsements.sign(&report)
            return ReportPort.Answer(report: report.bytes, certificates: self.endorsements.certificates)
        } catch {
            throw SoftTEEError("cannot make a report: \(error)")
        }
    }

    /// The chip's identity from its certificate: AMD's extension 1.3.6.1.4.1.3704.1.4 holds the 64 bytes as they are.
    static func chipID(in certificate: [UInt8]) throws(SoftTEEError) -> [UInt8] {
        let name: [UInt8] = [0x2B, 0x06, 0x01, 0x04, 0x01, 0x9C, 0x78, 0x01, 0x04, 0x04, 0x40]
        for start in certificate.indices where certificate[start...].starts(with: name) {
            let identity = certificate[start...].dropFirst(name.count).prefix(64)
            if identity.count == 64 { return Array(identity) }
        }
        throw SoftTEEError("the report key's certificate names no chip; remove the folder to make a new root")
    }
}
