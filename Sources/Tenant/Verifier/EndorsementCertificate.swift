import Crypto
import SwiftASN1
import WireFormat

/// An X.509 certificate of AMD's shape, taken apart but not trusted.
///
/// The general parser refuses these certificates: RSA-PSS signatures, serial number zero, a default value spelled out.
struct EndorsementCertificate: Sendable {
    /// An extension's value and whether it must be understood.
    struct Extension: Sendable {
        let isCritical: Bool
        let value: [UInt8]
    }

    let der: [UInt8]
    /// The signed part.
    let signedPart: [UInt8]
    let signature: [UInt8]
    let serial: [UInt8]
    /// The names as encoded: they are compared byte for byte.
    let issuer: [UInt8]
    let subject: [UInt8]
    /// The name as errors show it; RFC 5280 has at most 64 characters (appendix A.1, `ub-common-name`).
    let commonName: String
    let notBefore: Int64
    let notAfter: Int64
    let publicKeyInfo: [UInt8]
    let extensions: [ASN1ObjectIdentifier: Extension]

    /// SHA-256 of the certificate.
    var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }
    /// SHA-256 of the public key.
    var publicKeyFingerprint: [UInt8] { Array(SHA256.hash(data: publicKeyInfo)) }

    private static let commonNameType: ASN1ObjectIdentifier = [2, 5, 4, 3]
    private static let basicConstraints: ASN1ObjectIdentifier = [2, 5, 29, 19]
    private static let keyUsage: ASN1ObjectIdentifier = [2, 5, 29, 15]
    private static let extensionLimit = 32
    /// The most bytes that are shown of a common name.
    static let shownNameLimit = 256

    init(der: [UInt8], _ field: String) throws(WireError) {
        let parts = try ASN1Reading.children(try ASN1Reading.parse(der, field), .sequence, field)
        guard parts.count == 3 else { throw WireError(field: field, reason: "is not a certificate") }
        let body = try ASN1Reading.children(parts[0], .sequence, field)
        guard body.count == 8 else { throw WireError(field: field, reason: "is not a version 3 certificate") }
        let version = try ASN1Reading.children(body[0], Self.tagged(0), field)
        guard version.count == 1, try ASN1Reading.primitive(version[0], .integer, field) == [2] else {
            throw WireError(field: field, reason: "is not a version 3 certificate")
        }
        try PSSSignature.check(inner: body[2], outer: parts[1], field)
        self.der = der
        signedPart = Array(parts[0].encodedBytes)
        signature = try ASN1Reading.bitString(parts[2], field)
        serial = try ASN1Reading.primitive(body[1], .integer, field)
        issuer = Array(body[3].encodedBytes)
        subject = Array(body[5].encodedBytes)
        commonName = try Self.commonName(body[5], field)
        let validity = try ASN1Reading.children(body[4], .sequence, field)
        guard validity.count == 2 else { throw WireError(field: field, reason: "has no validity period") }
        notBefore = try ASN1Reading.time(validity[0], field)
        notAfter = try ASN1Reading.time(validity[1], field)
        publicKeyInfo = Array(body[6].encodedBytes)
        extensions = try Self.extensions(body[7], field)
    }

    static func tagged(_ number: UInt) -> ASN1Identifier {
        ASN1Identifier(tagWithNumber: number, tagClass: .contextSpecific)
    }

    /// Whether the certificate may sign others (`keyCertSign`), and lists of revoked ones (`cRLSign`) if asked for.
    func isAuthority(forLists: Bool = false) -> Bool {
        guard let constraints = extensions[Self.basicConstraints]?.value, let usage = extensions[Self.keyUsage]?.value
        else { return false }
        let isAuthority =
            constraints.count >= 5 && constraints[0] == 0x30 && constraints[2...4].elementsEqual([1, 1, 0xFF])
        guard usage.count == 4, usage[0] == 3 else { return false }
        return isAuthority && usage[3] & 0x04 != 0 && (!forLists || usage[3] & 0x02 != 0)
    }

    /// Whether the certificate claims to be an authority.
    var claimsAuthority: Bool { (extensions[Self.basicConstraints]?.value.count ?? 0) > 2 }

    /// Whether `issuer` names and signed this certificate.
    func isIssued(by authority: EndorsementCertificate) -> Bool {
        issuer == authority.subject
            && PSSSignature.isValid(signature, over: signedPart, by: authority.publicKeyInfo)
    }

    private static func commonName(_ name: ASN1Node, _ field: String) throws(WireError) -> String {
        var found: [String] = []
        for set in try ASN1Reading.children(name, .sequence, field) {
            for attribute in try ASN1Reading.children(set, .set, field) {
                let pair = try ASN1Reading.children(attribute, .sequence, field)
                guard pair.count == 2 else { throw WireError(field: field, reason: "has a malformed name") }
                guard try ASN1Reading.objectIdentifier(pair[0], field) == commonNameType else { continue }
                guard case .primitive(let bytes) = pair[1].content, let text = String(validating: bytes, as: UTF8.self)
                else { throw WireError(field: field, reason: "has a malformed name") }
                found.append(text)
            }
        }
        guard found.count == 1 else { throw WireError(field: field, reason: "must have one common name") }
        return ShownText.cut(found[0], bytes: shownNameLimit)
    }

    private static func extensions(
        _ node: ASN1Node, _ field: String
    ) throws(WireError) -> [ASN1ObjectIdentifier: Extension] {
        let wrapper = try ASN1Reading.children(node, tagged(3), field)
        guard wrapper.count == 1 else { throw WireError(field: field, reason: "has malformed extensions") }
        let list = try ASN1Reading.children(wrapper[0], .sequence, field)
        guard list.count <= extensionLimit else { throw WireError(field: field, reason: "has too many extensions") }
        var extensions: [ASN1ObjectIdentifier: Extension] = [:]
        for element in list {
            let parts = try ASN1Reading.children(element, .sequence, field)
            guard parts.count == 2 || parts.count == 3 else {
                throw WireError(field: field, reason: "has malformed extensions")
            }
            let name = try ASN1Reading.objectIdentifier(parts[0], field)
            var isCritical = false
            if parts.count == 3 { isCritical = try ASN1Reading.primitive(parts[1], .boolean, field) == [0xFF] }
            guard !isCritical || name == basicConstraints || name == keyUsage else {
                throw WireError(field: field, reason: "has a critical extension that is not known")
            }
            let value = try ASN1Reading.primitive(parts[parts.count - 1], .octetString, field)
            guard extensions.updateValue(Extension(isCritical: isCritical, value: value), forKey: name) == nil else {
                throw WireError(field: field, reason: "has an extension twice")
            }
        }
        return extensions
    }
}
