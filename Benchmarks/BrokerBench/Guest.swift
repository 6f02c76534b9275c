import Crypto
import Envelope
import Evidence
import SoftTEE
import WireFormat

/// A simulated guest that makes evidence for any nonce, as fast as one core can.
struct Guest: Sendable {
    static let measurement = [UInt8](repeating: 0xab, count: 48)

    let processor: SoftEndorsements
    let initData = "version = \"0.1.0\"\n"
    let key = P256.KeyAgreement.PrivateKey()
    private let chip = [UInt8](repeating: 0x11, count: 64)
    private static let tcb = TCBVersion(TCBVersion.Components(bootLoader: 4, tee: 0, snp: 22, microcode: 213))

    init() throws { processor = try .generate(chipID: chip, tcb: Self.tcb) }

    var digest: [UInt8] { Array(SHA256.hash(data: Array(initData.utf8))) }

    /// The body of `/attest` for a nonce.
    func attestation(_ nonce: String) throws -> [UInt8] {
        let publicKey = JSONWebKey(key.publicKey).json
        var report = try SNPReport.composed(
            reportData: ReportBinding.rcar(teePublicKey: publicKey, nonce: nonce, additionalEvidence: ""),
            measurement: try LaunchMeasurement(hex: Hex.encode(Self.measurement)), hostData: digest, policy: .launch,
            chipID: chip, reportID: [UInt8](repeating: 7, count: 32), processor: SoftEndorsements.processor,
            tcb: Self.tcb, firmware: SNPReport.FirmwareVersion(major: 1, minor: 55, build: 21))
        try processor.sign(&report)
        let evidence = SNPEvidence(
            report: report,
            certificates: [.vcek: processor.vcekDER, .ask: processor.askDER, .ark: processor.arkDER])
        let message: JSONValue = [
            "init-data": ["format": "toml", "body": .string(initData)],
            "runtime-data": ["nonce": .string(nonce), "tee-pubkey": publicKey],
            "tee-evidence": ["primary_evidence": evidence.json, "additional_evidence": ""],
        ]
        return message.canonicalBytes
    }
}
