import Crypto
import CryptoExtras
import Foundation
import Glibc
import RootKeys
import SwiftASN1
import WireFormat
import X509

/// Makes a folder with all that a broker needs to start: keys, certificate and configuration.
///
/// The private keys of administrator and release signer lie there too; whoever runs more than a trial moves
/// `admin.key` and `release.key` elsewhere. An existing file is never replaced.
public enum BrokerSetup {
    /// The files that ``run(folder:listen:softRoots:)`` makes.
    public enum File: String, Sendable, CaseIterable {
        /// The root key in hexadecimal.
        case rootKey = "root.key"
        /// The private key of the TLS server.
        case tlsKey = "tls.key"
        /// The certificate that clients pin.
        case tlsCertificate = "tls.pem"
        /// The administrator's private key.
        case adminKey = "admin.key"
        /// The administrator's public key.
        case adminPublicKey = "admin.pub"
        /// The release signer's private key.
        case releaseKey = "release.key"
        /// The release signer's public key.
        case releasePublicKey = "release.pub"
        /// The configuration.
        case configuration = "config.json"
    }

    /// Fills `folder`, which must not hold any of the files yet.
    ///
    /// - Parameters:
    ///   - folder: Created with mode 0700 when missing.
    ///   - listen: The address that goes into the configuration.
    ///   - softRoots: Fingerprints of soft roots to trust.
    public static func run(
        folder: String, listen: String = "127.0.0.1:8480", softRoots: [String] = []
    ) throws(BrokerError) {
        try check(listen: listen, softRoots: softRoots)
        try prepare(folder)
        let root = SymmetricKey(size: .bits256).withUnsafeBytes { Hex.encode(Array($0)) }
        try PrivateFile.write(Array("\(root)\n".utf8), to: "\(folder)/\(File.rootKey.rawValue)")
        try fill(folder, configuration(listen, softRoots, rootKey: .string(File.rootKey.rawValue), counter: nil))
    }

    /// Fills `folder`, with a root key of any kind.
    ///
    /// - Parameters:
    ///   - folder: Created with mode 0700 when missing.
    ///   - listen: The address that goes into the configuration.
    ///   - softRoots: Fingerprints of soft roots to trust.
    ///   - rootKey: The member of the configuration; the key is made, one that exists is never replaced.
    ///   - counter: The member `rollbackCounter`; the counter is made with the store, at the first start.
    ///   - pcrs: For a TPM: what the key is sealed to.
    ///   - recovery: For a TPM: where the key goes in plain, to be kept elsewhere.
    public static func run(
        folder: String, listen: String, softRoots: [String], rootKey: JSONValue, counter: JSONValue?,
        pcrs: PCRSelection = .standard, recovery: String? = nil
    ) async throws(BrokerError) {
        func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
        try check(listen: listen, softRoots: softRoots)
        let key: RootKeyConfiguration
        do {
            key = try RootKeyConfiguration(rootKey, absolute: absolute)
            if let counter { _ = try CounterConfiguration(counter, absolute: absolute) }
        } catch {
            throw BrokerError(.failed, check: "init", "\(error.field): \(error.reason)")
        }
        try prepare(folder)
        // First, since it can fail for reasons outside of the folder.
        do {
            try await key.create(pcrs: pcrs, recovery: recovery)
        } catch {
            throw BrokerError(.failed, check: "root-key", error.description)
        }
        try fill(folder, configuration(listen, softRoots, rootKey: rootKey, counter: counter))
    }

    /// Refuses what no broker would start with, and says what to write instead.
    public static func check(listen: String, softRoots: [String]) throws(BrokerError) {
        guard (try? BrokerConfiguration.address(listen, field: "listen")) != nil else {
            throw BrokerError(
                .failed, check: "init",
                "--listen \(ShownText.cut(listen, bytes: 64)): must be ADDRESS:PORT, for example 127.0.0.1:8480, or "
                    + "0.0.0.0:8480 for all addresses of this machine")
        }
        for root in softRoots where (try? Hex.decode(root, field: "softRoots"))?.count != 32 {
            throw BrokerError(
                .failed, check: "init",
                "--soft-root \(ShownText.cut(root, bytes: 80)): must be the SHA-256 of a soft root's certificate, 64 "
                    + "hexadecimal digits, as `testudo-softtee` prints it")
        }
    }

    private static func prepare(_ folder: String) throws(BrokerError) {
        try PrivateFile.makeFolder(folder)
        guard chmod(folder, 0o700) == 0 else {
            throw BrokerError(.failed, check: "init", "\(folder) cannot be closed to others")
        }
        for file in File.allCases where FileManager.default.fileExists(atPath: "\(folder)/\(file.rawValue)") {
            throw BrokerError(.failed, check: "init", "\(folder)/\(file.rawValue) exists already")
        }
    }

    private static func fill(_ folder: String, _ configuration: JSONValue) throws(BrokerError) {
        func put(_ file: File, _ text: String, mode: mode_t = 0o600) throws(BrokerError) {
            try PrivateFile.write(Array(text.utf8), to: "\(folder)/\(file.rawValue)", mode: mode)
        }
        let tls = P256.Signing.PrivateKey()
        try put(.tlsKey, tls.pemRepresentation + "\n")
        try put(.tlsCertificate, try certificate(tls), mode: 0o644)
        let admin = Curve25519.Signing.PrivateKey()
        try put(.adminKey, admin.pemRepresentation + "\n")
        try put(.adminPublicKey, admin.publicKey.pemRepresentation + "\n", mode: 0o644)
        let release = Curve25519.Signing.PrivateKey()
        try put(.releaseKey, release.pemRepresentation + "\n")
        try put(.releasePublicKey, release.publicKey.pemRepresentation + "\n", mode: 0o644)
        try put(.configuration, configuration.prettyText + "\n")
    }

    private static func configuration(
        _ listen: String, _ softRoots: [String], rootKey: JSONValue, counter: JSONValue?
    ) -> JSONValue {
        var members: [String: JSONValue] = [
            "listen": .string(listen), "database": "broker.sqlite", "rootKey": rootKey,
            "tls": .object([
                "cert": .string(File.tlsCertificate.rawValue), "key": .string(File.tlsKey.rawValue),
            ]),
            "adminKeys": .array([.string(File.adminPublicKey.rawValue)]),
            "releaseKeys": .array([.string(File.releasePublicKey.rawValue)]),
            "softRoots": .array(softRoots.map { .string($0) }), "ca": .object(["dir": "ca"]), "tokenMinutes": 5,
            "auditLog": "audit.jsonl",
        ]
        members["rollbackCounter"] = counter
        return .object(members)
    }

    /// A certificate for the loopback names; clients pin it, so it is its own root.
    private static func certificate(_ key: P256.Signing.PrivateKey) throws(BrokerError) -> String {
        do {
            let now = Date()
            let signer = Certificate.PrivateKey(key)
            let subject = try DistinguishedName { CommonName("Testudo key broker") }
            let made = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: signer.publicKey, notValidBefore: now - 3600,
                notValidAfter: now + 10 * 365 * 86_400, issuer: subject, subject: subject,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectAlternativeNames([
                        .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                    ])
                    SubjectKeyIdentifier(hash: signer.publicKey)
                },
                issuerPrivateKey: signer)
            return try made.serializeAsPEM().pemString + "\n"
        } catch {
            throw BrokerError(.failed, check: "init", "the TLS certificate cannot be made")
        }
    }
}
