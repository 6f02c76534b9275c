import Crypto
import Foundation
import SwiftASN1
import X509

/// One root of the tenant's certificate authority: a P-256 key and its self-signed certificate.
struct IssuingRoot: Sendable {
    let certificate: Certificate
    let pem: String
    private let key: Certificate.PrivateKey

    /// How long a root is valid: ten years.
    private static let lifetime: TimeInterval = 10 * 365 * 86_400

    /// Opens the root called `name` in `folder`, creating what is missing.
    init(folder: String, name: String, sealer: RowSealer, now: Date) throws(BrokerError) {
        let signing = try SealedKeyFile.loadOrCreate("\(folder)/\(name).key", name: "ca/\(name)", sealer: sealer)
        key = Certificate.PrivateKey(signing)
        let path = "\(folder)/\(name).pem"
        if FileManager.default.fileExists(atPath: path) {
            let text = String(decoding: try PrivateFile.readPublic(path, what: "certificate"), as: UTF8.self)
            guard let certificate = try? Certificate(pemEncoded: text), certificate.publicKey == key.publicKey else {
                throw BrokerError(.failed, check: "ca", "\(path) is not the certificate of the key beside it")
            }
            self.certificate = certificate
            pem = text
            return
        }
        let made = try Self.selfSigned(key, name: "Testudo \(name) root", now: now, lifetime: Self.lifetime)
        guard let text = try? made.serializeAsPEM().pemString + "\n" else {
            throw BrokerError(.failed, check: "ca", "the root certificate cannot be written")
        }
        try PrivateFile.write(Array(text.utf8), to: path, mode: 0o644)
        certificate = made
        pem = text
    }

    /// Signs a leaf for a TLS server with these names.
    func issue(
        for publicKey: Certificate.PublicKey, hostnames: [String], from: Date, until: Date
    ) throws(BrokerError) -> String {
        do {
            let leaf = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: publicKey, notValidBefore: from,
                notValidAfter: min(until, certificate.notValidAfter), issuer: certificate.subject,
                subject: try DistinguishedName { CommonName(String((hostnames.first ?? "").prefix(64))) },
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectAlternativeNames(hostnames.map { .dnsName($0) })
                    SubjectKeyIdentifier(hash: publicKey)
                    AuthorityKeyIdentifier(
                        keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
                },
                issuerPrivateKey: key)
            return try leaf.serializeAsPEM().pemString + "\n"
        } catch {
            throw BrokerError(.failed, check: "ca", "the certificate cannot be made")
        }
    }

    /// Makes the certificate of a root that may sign leaves and nothing below them.
    static func selfSigned(
        _ key: Certificate.PrivateKey, name: String, now: Date, lifetime: TimeInterval
    ) throws(BrokerError) -> Certificate {
        do {
            let subject = try DistinguishedName { CommonName(name) }
            return try Certificate(
                version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: now - 60,
                notValidAfter: now + lifetime, issuer: subject, subject: subject,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: key.publicKey)
                },
                issuerPrivateKey: key)
        } catch {
            throw BrokerError(.failed, check: "ca", "the root certificate cannot be made")
        }
    }
}
