import Crypto
import Foundation
import SwiftASN1
import X509

/// A root that signs issuing authorities and nothing else. It may be used on a machine without a network, where only requests
/// and certificates go to and fro, or lie in the key management.
public struct RootAuthority: Sendable {
    /// The root's certificate in PEM.
    public let pem: String
    let certificate: Certificate
    private let key: Certificate.PrivateKey

    /// The longest life of a root in seconds: 20 years.
    public static let lifeLimit: Int64 = 20 * 365 * 86_400
    /// The longest life of an issuing certificate in seconds: two years.
    public static let issuingLifeLimit: Int64 = 2 * 365 * 86_400

    /// Opens a root from its certificate and its private key, both in PEM; P-256 or P-384.
    public init(certificatePEM: String, keyPEM: String) throws(KeyFailure) {
        guard let key = try? Certificate.PrivateKey(pemEncoded: keyPEM) else {
            throw KeyFailure(.malformed, "key", "is no private key in PEM")
        }
        try self.init(certificate: try X509Check.certificate(certificatePEM, "root"), key: key)
    }

    init(certificate: Certificate, key: Certificate.PrivateKey) throws(KeyFailure) {
        guard certificate.publicKey == key.publicKey else {
            throw KeyFailure(.malformed, "key", "is not the key of the root's certificate")
        }
        try X509Check.root(certificate)
        self.certificate = certificate
        self.key = key
        pem = try X509Check.pem(certificate)
    }

    /// Makes a self-signed root with a new P-384 key.
    ///
    /// - Returns: The root and its private key in PEM, for a file of its own.
    public static func create(
        name: String, now: Int64, life: Int64 = lifeLimit
    ) throws(KeyFailure) -> (root: RootAuthority, keyPEM: String) {
        let key = P384.Signing.PrivateKey()
        let root = try create(name: name, key: Certificate.PrivateKey(key), now: now, life: life)
        return (root, key.pemRepresentation + "\n")
    }

    static func create(
        name: String, key: Certificate.PrivateKey, now: Int64, life: Int64
    ) throws(KeyFailure) -> RootAuthority {
        guard (3600...lifeLimit).contains(life) else {
            throw KeyFailure(.malformed, "life", "must be between an hour and 20 years")
        }
        guard (1...64).contains(name.utf8.count) else {
            throw KeyFailure(.malformed, "name", "must have 1 to 64 bytes")
        }
        return try RootAuthority(
            certificate: try X509Check.making("root") {
                let subject = try DistinguishedName { CommonName(name) }
                return try Certificate(
                    version: .v3, serialNumber: X509Check.serialNumber(), publicKey: key.publicKey,
                    notValidBefore: Date(now - 60),
                    notValidAfter: Date(now + life), issuer: subject, subject: subject,
                    extensions: try Certificate.Extensions {
                        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 1))
                        Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                        SubjectKeyIdentifier(hash: key.publicKey)
                    },
                    issuerPrivateKey: key)
            }, key: key)
    }

    /// Signs an issuing authority's request for the names that are told here, whatever the request says of itself.
    ///
    /// - Parameters:
    ///   - request: The request in PEM.
    ///   - suffixes: The DNS names that the authority may certify, with all below them.
    ///   - life: How many seconds the certificate is good for, at most two years and the root's own life.
    ///   - now: The present second since 1970.
    /// - Returns: The certificate in PEM.
    public func sign(
        _ request: String, suffixes: [String], life: Int64, now: Int64
    ) throws(KeyFailure) -> String {
        guard (3600...Self.issuingLifeLimit).contains(life) else {
            throw KeyFailure(.malformed, "life", "must be between an hour and two years")
        }
        let names = try PermittedNames(suffixes)
        guard let request = try? CertificateSigningRequest(pemEncoded: request) else {
            throw KeyFailure(.malformed, "request", "is no certificate request in PEM")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw KeyFailure(.refused, "request", "is not signed by its own key")
        }
        try X509Check.isStrong(request.publicKey, "request")
        guard request.publicKey != certificate.publicKey, request.subject != certificate.subject else {
            throw KeyFailure(.malformed, "request", "is one of the root itself")
        }
        return try X509Check.pem(
            try X509Check.making("request") {
                try Certificate(
                    version: .v3, serialNumber: X509Check.serialNumber(), publicKey: request.publicKey,
                    notValidBefore: Date(now - 60),
                    notValidAfter: min(Date(now + life), certificate.notValidAfter), issuer: certificate.subject,
                    subject: request.subject,
                    extensions: try Certificate.Extensions {
                        try X509Check.issuingExtensions(names)
                        SubjectKeyIdentifier(hash: request.publicKey)
                        AuthorityKeyIdentifier(
                            keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
                    },
                    issuerPrivateKey: key)
            })
    }
}
