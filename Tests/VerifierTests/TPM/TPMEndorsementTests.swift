import Evidence
import Foundation
import TestSupport
import Testing
import WireFormat

@testable import Verifier

@Suite("Certificates of TPMs' keys", .enabled(if: areInstalled("openssl")))
struct TPMEndorsementTests {
    private let workshop: CertificateWorkshop
    /// A little later: certificates are valid from when they are made.
    private let now = Int64(Date().timeIntervalSince1970) + 60

    /// A root on P-384, an authority of RSA, and keys.
    init() throws {
        workshop = try CertificateWorkshop()
        try workshop.key("root", "P-384")
        try workshop.key("maker", "rsa:2048")
        try workshop.key("ak", "rsa:2048")
        try workshop.key("other")
        try workshop.certificate(
            "root", extensions: CertificateWorkshop.authority(pathLength: 1), digest: "sha384")
        try workshop.certificate(
            "maker", issuer: "root", extensions: CertificateWorkshop.authority(pathLength: 0), digest: "sha384")
    }

    private func examine(
        _ certificates: [String], roots: [String] = ["root"], key: String = "ak", at time: Int64? = nil,
        distrust: [String] = []
    ) throws -> (finding: TPMEndorsements.Finding?, check: EvidenceCheck?, fields: [FieldVerdict]) {
        func files(_ names: [String]) throws -> [(name: String, bytes: [UInt8])] {
            try names.map { ($0, Array(try Data(contentsOf: URL(fileURLWithPath: workshop.path($0))))) }
        }
        let endorsements = try TPMEndorsements(
            certificates: try files(certificates.map { "\($0).pem" }), roots: try files(roots.map { "\($0).der" }),
            distrust: try Distrust(distrust))
        var fields: [FieldVerdict] = []
        let key = try AttestationKey(parsing: try workshop.publicKey(key))
        do throws(EvidenceRefusal) {
            return (try endorsements.examine(key, at: time ?? now, fields: &fields), nil, fields)
        } catch { return (nil, error.check, error.fields) }
    }

    @Test func `a chain from the key to a trusted root vouches for it`() throws {
        try workshop.certificate("ak", issuer: "maker", extensions: CertificateWorkshop.attestationKey)
        let (finding, check, fields) = try examine(["ak", "maker"])
        #expect(finding == .attestationKey && check == nil)
        #expect(fields.contains { $0.value == "ak <- maker <- root" && $0.verdict == .passed })
        #expect(fields.contains { $0.field == "TPM revocation" && $0.verdict == .notChecked })
        #expect(try examine([]).finding == .nothing)
        // The owner may trust the maker's authority itself.
        #expect(try examine(["ak"], roots: ["maker"]).finding == .attestationKey)
    }

    @Test func `what does not lead to a trusted root is refused`() throws {
        try workshop.certificate("ak", issuer: "maker", extensions: CertificateWorkshop.attestationKey)
        #expect(try examine(["ak", "maker"], roots: []).check == .root)
        #expect(try examine(["ak"]).check == .root)
        #expect(try examine(["ak", "maker"], at: now + 86_400 * 60).check == .validity)
        #expect(try examine(["ak", "maker"], at: now - 86_400).check == .validity)
        #expect(try examine(["ak", "maker"], key: "other").check == .certificate)
        // Another root with the same name.
        try workshop.key("stranger", "P-384")
        try workshop.certificate("stranger", subject: "/CN=root", extensions: CertificateWorkshop.authority())
        #expect(try examine(["ak", "maker"], roots: ["stranger"]).check == .root)
        // A chain of authorities that is longer than the root allows.
        try workshop.key("middle")
        try workshop.certificate("middle", issuer: "maker", extensions: CertificateWorkshop.authority())
        try workshop.certificate("long", key: "ak", issuer: "middle", extensions: CertificateWorkshop.attestationKey)
        #expect(try examine(["long", "middle", "maker"]).check == .chain)
        // A key's certificate is no authority.
        try workshop.key("leaf")
        try workshop.certificate("leaf", issuer: "maker", extensions: CertificateWorkshop.attestationKey)
        try workshop.certificate("under", key: "ak", issuer: "leaf", extensions: CertificateWorkshop.attestationKey)
        #expect(try examine(["under", "leaf", "maker"]).check == .chain)
        let root = Fingerprint.sha256(Array(try Data(contentsOf: URL(fileURLWithPath: workshop.path("root.der")))))
        #expect(try examine(["ak", "maker"], distrust: ["root=\(Hex.encode(root))"]).check == .distrustedRoot)
    }

    @Test func `a certificate for another purpose does not make a key one that attests`() throws {
        let rows: [[String]] = [
            [
                "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                "extendedKeyUsage=serverAuth",
            ],
            ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"],
            ["keyUsage=critical,keyEncipherment", "extendedKeyUsage=2.23.133.8.3"],
            CertificateWorkshop.authority() + ["extendedKeyUsage=2.23.133.8.3"],
        ]
        for extensions in rows {
            try workshop.certificate("ak", issuer: "maker", extensions: extensions)
            #expect(try examine(["ak", "maker"]).check == .tpmCertificate, "\(extensions)")
            let without = try VerificationRecord.$switchedOff.withValue([.tpmCertificate]) {
                try examine(["ak", "maker"]).finding
            }
            #expect(without == .attestationKey, "\(extensions)")
        }
    }

    @Test func `an endorsement key's certificate is checked by its profile, and vouches for no other key`() throws {
        try workshop.key("ek")
        try workshop.certificate(
            "ek", issuer: "maker", subject: "/", extensions: CertificateWorkshop.endorsementKey())
        let (finding, check, fields) = try examine(["ek", "maker"])
        #expect(finding == .endorsementKeyOnly && check == nil)
        #expect(fields.contains { $0.value == "TPM of STM, model ST33HTPHAHD4, firmware id:00010101" }, "\(fields)")
        let rows: [(String, [String])] = [
            ("/", CertificateWorkshop.endorsementKey(isCritical: false)),
            ("/", CertificateWorkshop.endorsementKey(usage: "digitalSignature")),
            ("/", CertificateWorkshop.endorsementKey(usage: "keyEncipherment")),
            ("/CN=ek", CertificateWorkshop.endorsementKey(manufacturer: "STM")),
            ("/CN=ek", Array(CertificateWorkshop.endorsementKey().prefix(3))),
        ]
        for (subject, extensions) in rows {
            try workshop.certificate("ek", issuer: "maker", subject: subject, extensions: extensions)
            #expect(try examine(["ek", "maker"]).check == .tpmCertificate, "\(extensions)")
        }
        try workshop.key("rsa-ek", "rsa:2048")
        try workshop.certificate(
            "rsa-ek", issuer: "maker", subject: "/",
            extensions: CertificateWorkshop.endorsementKey(usage: "keyEncipherment"))
        #expect(try examine(["rsa-ek", "maker"]).finding == .endorsementKeyOnly)
    }

    @Test func `certificates that cannot be judged are refused by name`() throws {
        func refusal(_ extensions: [String], digest: String = "sha256") throws -> String? {
            let der = try workshop.certificate("ak", issuer: "maker", extensions: extensions, digest: digest)
            do throws(WireError) {
                _ = try TPMCertificate(der: der, "AK certificate")
                return nil
            } catch { return error.reason }
        }
        #expect(try refusal(CertificateWorkshop.attestationKey) == nil)
        #expect(try refusal(CertificateWorkshop.attestationKey, digest: "sha512") == nil)
        #expect(
            try refusal(CertificateWorkshop.attestationKey, digest: "sha1")?.contains("is not accepted") == true)
        #expect(
            try refusal(CertificateWorkshop.attestationKey + ["1.2.3.4=critical,DER:0500"])?.contains("critical")
                == true)
        let der = try workshop.certificate("ak", issuer: "maker", extensions: CertificateWorkshop.attestationKey)
        for count in 0..<der.count {
            #expect(throws: WireError.self) { try TPMCertificate(der: Array(der.prefix(count)), "certificate") }
        }
    }
}
