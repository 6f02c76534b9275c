import Foundation

/// Keys and certificates made with OpenSSL, for tests that need chains of every shape.
public final class CertificateWorkshop: Sendable {
    private let folder: ScratchFolder

    /// Opens a workshop; what it makes goes when it does.
    public init() throws { folder = try ScratchFolder() }

    /// Where a file of that name is or will be.
    public func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    /// Makes a key: `rsa:2048`, `P-256` or `P-384`; in `<name>.key`.
    public func key(_ name: String, _ kind: String = "P-256") throws {
        let options =
            kind.hasPrefix("rsa:")
            ? ["RSA", "-pkeyopt", "rsa_keygen_bits:\(kind.dropFirst(4))"]
            : ["EC", "-pkeyopt", "ec_paramgen_curve:\(kind)"]
        try run("openssl", ["genpkey", "-algorithm"] + options + ["-out", path("\(name).key")])
    }

    /// The public half of a key in DER.
    public func publicKey(_ name: String) throws -> [UInt8] {
        try run("openssl", ["pkey", "-in", path("\(name).key"), "-pubout", "-outform", "DER"])
    }

    /// Makes `<name>.der` and `<name>.pem`, for the key of that name or `key`, signed by `issuer` or itself.
    ///
    /// - Parameters:
    ///   - subject: The subject as OpenSSL writes it.
    ///   - extensions: Lines of an extension file.
    ///   - digest: The hash that is signed.
    @discardableResult
    public func certificate(
        _ name: String, key: String? = nil, issuer: String? = nil, subject: String? = nil, days: Int = 30,
        extensions: [String], digest: String = "sha256"
    ) throws -> [UInt8] {
        let key = path("\(key ?? name).key")
        try Data(extensions.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path("\(name).ext")))
        try run(
            "openssl", ["req", "-new", "-key", key, "-subj", subject ?? "/CN=\(name)", "-out", path("\(name).csr")])
        let signer = issuer.map { ["-CA", path("\($0).pem"), "-CAkey", path("\($0).key")] } ?? ["-signkey", key]
        try run(
            "openssl",
            [
                "x509", "-req", "-in", path("\(name).csr"), "-days", "\(days)", "-\(digest)", "-extfile",
                path("\(name).ext"),
            ]
                + ["-set_serial", "\(UInt32.random(in: 1...UInt32.max))", "-out", path("\(name).pem")] + signer)
        let der = try run("openssl", ["x509", "-in", path("\(name).pem"), "-outform", "DER"])
        try Data(der).write(to: URL(fileURLWithPath: path("\(name).der")))
        return der
    }

    /// The lines that make an authority.
    public static func authority(pathLength: Int? = nil) -> [String] {
        [
            "basicConstraints=critical,CA:TRUE\(pathLength.map { ",pathlen:\($0)" } ?? "")",
            "keyUsage=critical,keyCertSign,cRLSign",
        ]
    }

    /// The lines of a certificate of an attestation key.
    public static let attestationKey = [
        "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", "extendedKeyUsage=2.23.133.8.3",
    ]

    /// The lines of a certificate of an endorsement key, of a TPM of STMicroelectronics by its registered letters.
    public static func endorsementKey(
        usage: String = "keyAgreement", manufacturer: String = "id:53544D20", isCritical: Bool = true
    ) -> [String] {
        [
            "basicConstraints=critical,CA:FALSE", "keyUsage=critical,\(usage)", "extendedKeyUsage=2.23.133.8.1",
            "subjectAltName=\(isCritical ? "critical," : "")dirName:tpm", "[tpm]", "0.2.23.133.2.1=\(manufacturer)",
            "1.2.23.133.2.2=ST33HTPHAHD4", "2.2.23.133.2.3=id:00010101",
        ]
    }
}
