import Envelope
import HTTPExchange
import SwiftASN1
import WireFormat

/// Fresh evidence of a running service, as the service gave it: nothing of it is verified yet.
public struct ServiceEvidence: Sendable {
    /// The nonce that the report data must bind.
    public let nonce: [UInt8]
    /// The technology's name.
    public let technology: String
    /// The technology's own evidence.
    public let primary: JSONValue
    /// The digest of the pod manifest that the service says it runs.
    public let manifestDigest: SHA256Digest
    /// The epoch that the service says it is in.
    public let epoch: Int64
    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER) of the certificate on this very connection.
    public let tlsKeyDigest: SHA256Digest
    /// That certificate in DER.
    public let certificate: [UInt8]
}

/// The client of a service's attestation endpoint (rule R12).
///
/// The verdict is the caller's: verify the report, compare its report data with the binding of nonce, key digest, manifest
/// digest and epoch, and compare the manifest digest with the registered one. The node only passes bytes on.
public struct AttestedService: Sendable {
    /// The path of the endpoint.
    public static let path = "/.well-known/testudo/attestation"
    /// Bytes of nonce.
    public static let nonceLength = 32
    private let exchanger: HTTPExchanger

    /// Uses an exchanger to the service. Its endpoint is `https`: the key of the connection is part of what is bound.
    public init(exchanger: HTTPExchanger) { self.exchanger = exchanger }

    /// Asks for fresh evidence under a fresh nonce.
    public func evidence() async throws -> ServiceEvidence {
        try await evidence(nonce: SecretBytes(random: Self.nonceLength).copyBytes())
    }

    /// Asks for evidence under a nonce of 32 to 64 bytes that must never have been used before.
    public func evidence(nonce: [UInt8]) async throws -> ServiceEvidence {
        let response = try await exchanger.send(
            ExchangeRequest(method: "GET", path: "\(Self.path)?nonce=\(Base64.encodeURL(nonce))"))
        guard response.status == 200 else {
            throw WireError(field: "attestation", reason: "the service answered with status \(response.status)")
        }
        guard let certificate = response.peerCertificate else {
            throw WireError(field: "attestation", reason: "the connection has no certificate")
        }
        return try Self.parse(response.body, nonce: nonce, certificate: certificate)
    }

    /// Parses an answer: `{"technology","evidence","manifest","epoch"}`.
    static func parse(_ body: [UInt8], nonce: [UInt8], certificate: [UInt8]) throws -> ServiceEvidence {
        var fields = try JSONFields(try JSONValue.parse(body), path: "attestation")
        let technology = try fields.string("technology")
        let primary = try fields.value("evidence")
        let manifest = try SHA256Digest(hex: try fields.string("manifest"))
        let epoch = try fields.integer("epoch")
        try fields.finish()
        guard epoch >= 0 else { throw WireError(field: "attestation.epoch", reason: "it is negative") }
        return ServiceEvidence(
            nonce: nonce, technology: technology, primary: primary, manifestDigest: manifest, epoch: epoch,
            tlsKeyDigest: SHA256Digest(hashing: try publicKeyInfo(of: certificate)), certificate: certificate)
    }

    /// The SubjectPublicKeyInfo of a certificate (RFC 5280, section 4.1), as it stands there.
    static func publicKeyInfo(of certificate: [UInt8]) throws -> [UInt8] {
        guard case .constructed(let outer) = try DER.parse(certificate).content,
            let signed = outer.first(where: { _ in true }), case .constructed(let parts) = signed.content
        else { throw WireError(field: "certificate", reason: "no certificate") }
        var fields = Array(parts)[...]
        // The version is optional and the only field that has this tag.
        if fields.first?.identifier == ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific) {
            fields = fields.dropFirst()
        }
        // Serial number, signature algorithm, issuer, validity, subject, then the key.
        guard fields.count >= 6 else { throw WireError(field: "certificate", reason: "it has no public key") }
        return Array(fields[fields.startIndex + 5].encodedBytes)
    }
}
