import Crypto
import Foundation
import SwiftASN1
import WireFormat
import X509

/// One root of the tenant's certificate authority: a P-256 key and its self-signed certificate.
struct IssuingRoot: Sendable {
    let certificate: Certificate
    let pem: String
    private let key: Certificate.PrivateKey

    /// How long a root is valid: ten years.
    private static let lifetime: TimeInterval = 10 * 365 * 86_400

    /// Opens the root called `name`, or makes it: key and certificate are one entry of the store, so that replicas agree.
    init(store: BrokerStore, name: String, now: Date) async throws(BrokerError) {
        let fresh = P256.Signing.PrivateKey()
        let made = try Self.selfSigned(
            Certificate.PrivateKey(fresh), name: "Testudo \(name) root", now: now, lifetime: Self.lifetime)
        guard let text = try? made.serializeAsPEM().pemString + "\n" else {
            throw BrokerError(.failed, check: "ca", "the root certificate cannot be written")
        }
        let form: JSONValue = [
            "key": .string(Base64.encode(Array(fresh.rawRepresentation))), "certificate": .string(text),
        ]
        let stored = try await store.createSetting("ca/\(name)", form.canonicalBytes)
        guard let members = try? JSONValue.parse(stored), let pem = members["certificate"]?.stringValue,
            let raw = members["key"]?.stringValue.flatMap({ try? Base64.decode($0, field: "key") }),
            let key = try? P256.Signing.PrivateKey(rawRepresentation: raw),
            let certificate = try? Certificate(pemEncoded: pem),
            certificate.publicKey == Certificate.PrivateKey(key).publicKey
        else { throw BrokerError(.failed, check: "ca", "the stored \(name) root is damaged") }
        self.key = Certificate.PrivateKey(key)
        self.certificate = certificate
        self.pem = pem
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
