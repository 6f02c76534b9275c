import Crypto
import Envelope
import Foundation
import SwiftASN1
import X509

/// What is demanded of certificates of authorities, and what they are made with.
enum X509Check {
    /// The most bytes of a certificate or request in PEM.
    static let limit = 32 << 10

    static func certificate(_ pem: String, _ field: String) throws(KeyFailure) -> Certificate {
        guard pem.utf8.count <= limit else { throw KeyFailure(.malformed, field, "is longer than \(limit) bytes") }
        guard let certificate = try? Certificate(pemEncoded: pem) else {
            throw KeyFailure(.malformed, field, "is no certificate in PEM")
        }
        return certificate
    }

    static func pem(_ certificate: Certificate) throws(KeyFailure) -> String {
        try making("certificate") { try certificate.serializeAsPEM().pemString + "\n" }
    }

    /// A root signs itself and may sign authorities.
    static func root(_ certificate: Certificate) throws(KeyFailure) {
        guard certificate.issuer == certificate.subject,
            certificate.publicKey.isValidSignature(certificate.signature, for: certificate)
        else { throw KeyFailure(.refused, "root", "does not sign itself") }
        guard case .isCertificateAuthority(let length) = try? certificate.extensions.basicConstraints, length != 0
        else {
            throw KeyFailure(.refused, "root", "may not sign issuing authorities (basic constraints)")
        }
        guard (try? certificate.extensions.keyUsage)?.keyCertSign == true else {
            throw KeyFailure(.refused, "root", "may not sign certificates (key usage)")
        }
        try isStrong(certificate.publicKey, "root")
    }

    static func isStrong(_ key: Certificate.PublicKey, _ field: String) throws(KeyFailure) {
        guard P256.Signing.PublicKey(key) != nil || P384.Signing.PublicKey(key) != nil else {
            throw KeyFailure(.malformed, field, "has a key that is neither P-256 nor P-384")
        }
    }

    /// An issuing authority signs leaves for some DNS names: for no others, for no addresses, and no authorities.
    static func issuingExtensions(_ names: PermittedNames) throws -> Certificate.Extensions {
        let everyAddress = [8, 32].map { ASN1OctetString(contentBytes: ArraySlice(repeatElement(0, count: $0))) }
        return try Certificate.Extensions {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
            Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            Critical(NameConstraints(permittedDNSDomains: names.suffixes, excludedIPRanges: everyAddress))
        }
    }

    /// A serial number of 16 random bytes whose first says that it is positive and has no leading zero.
    static func serialNumber() -> Certificate.SerialNumber {
        var bytes = SecretBytes(random: 16).copyBytes()
        bytes[0] = bytes[0] & 0x3F | 0x40
        return Certificate.SerialNumber(bytes: bytes)
    }

    /// Checks that `certificate` makes an issuing authority for no more than `names`, under `root`.
    static func issuing(
        _ certificate: Certificate, names: PermittedNames, root: Certificate, now: Int64
    ) throws(KeyFailure) {
        let field = "certificate"
        guard certificate.issuer == root.subject,
            root.publicKey.isValidSignature(certificate.signature, for: certificate)
        else { throw KeyFailure(.refused, field, "is not signed by the root") }
        let extensions = certificate.extensions
        guard case .isCertificateAuthority(let length) = try? extensions.basicConstraints, length == 0,
            extensions[oid: .X509ExtensionID.basicConstraints]?.critical == true
        else {
            throw KeyFailure(.refused, field, "must be an authority that signs no others (path length 0, critical)")
        }
        guard let usage = try? extensions.keyUsage, usage.keyCertSign, usage.cRLSign else {
            throw KeyFailure(.refused, field, "must be for signing certificates and revocation lists (key usage)")
        }
        guard let constraints = try? extensions.nameConstraints, !constraints.permittedDNSDomains.isEmpty,
            extensions[oid: .X509ExtensionID.nameConstraints]?.critical == true
        else { throw KeyFailure(.refused, field, "must have critical name constraints for DNS names") }
        for domain in constraints.permittedDNSDomains {
            guard names.covers(domain) else {
                throw KeyFailure(.refused, field, "permits names outside the tenant's suffixes")
            }
        }
        guard certificate.notValidBefore <= Date(now), Date(now) < certificate.notValidAfter,
            root.notValidBefore <= Date(now), Date(now) < root.notValidAfter
        else { throw KeyFailure(.refused, field, "is not in force now, or its root is not") }
    }

    static func making<R>(_ field: String, _ body: () throws -> R) throws(KeyFailure) -> R {
        do {
            return try body()
        } catch let failure as KeyFailure {
            throw failure
        } catch {
            throw KeyFailure(.failed, field, "cannot be made")
        }
    }
}

extension Date {
    /// Whole seconds since 1970.
    init(_ seconds: Int64) { self.init(timeIntervalSince1970: TimeInterval(seconds)) }
    /// Whole seconds since 1970, rounded down.
    var seconds: Int64 { Int64(timeIntervalSince1970.rounded(.down)) }
}
