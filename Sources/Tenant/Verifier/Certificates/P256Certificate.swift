import Crypto
import WireFormat

/// An X.509 certificate of an ECDSA P-256 hierarchy such as Intel's, taken apart but not trusted.
///
/// Names are compared byte for byte. Whatever a second reader could understand otherwise is refused: DER that is not
/// minimal, extensions that come twice, critical extensions that are not known, other algorithms and other curves.
struct P256Certificate: Sendable {
    let der: [UInt8]
    /// The signed part.
    let signedPart: [UInt8]
    /// r || s.
    let signature: [UInt8]
    /// The serial number's minimal contents.
    let serial: [UInt8]
    let issuer: [UInt8]
    let subject: [UInt8]
    /// The name as errors show it.
    let commonName: String
    /// Seconds since 1970.
    let notBefore: Int64
    let notAfter: Int64
    let publicKeyInfo: [UInt8]
    let key: P256.Signing.PublicKey
    /// Values by object identifier (contents of the DER), without the two that are read here.
    let extensions: [[UInt8]: [UInt8]]
    private let constraints: Constraints

    private struct Constraints {
        var isAuthority = false
        var pathLength: Int?
        /// The first byte of the usage bits, `digitalSignature` highest; nil without the extension.
        var usage: UInt8?
    }

    private static let sizeLimit = 16 * 1024
    private static let extensionLimit = 32
    private static let basicConstraints: [UInt8] = [0x55, 0x1D, 0x13]
    private static let keyUsage: [UInt8] = [0x55, 0x1D, 0x0F]
    /// `version [0] { INTEGER 2 }`: version 3.
    private static let version: [UInt8] = [0xA0, 0x03, 0x02, 0x01, 0x02]
    /// All of a P-256 key's SubjectPublicKeyInfo but the 64 bytes of its point, which is uncompressed.
    private static let keyPrefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]

    init(der: [UInt8], _ field: String) throws(WireError) {
        guard der.count <= Self.sizeLimit else {
            throw WireError(field: field, reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var document = DERReader(der, field)
        var outer = try document.element(DERReader.Tag.sequence)
        try document.finish()
        var (signedPart, body) = try outer.whole(DERReader.Tag.sequence)
        guard body.take(Self.version) else { throw body.refusal("is not a version 3 certificate") }
        serial = try body.integer()
        guard body.take(P256Signature.algorithm), outer.take(P256Signature.algorithm) else {
            throw body.refusal("is not signed with ECDSA and SHA-256")
        }
        issuer = try body.whole(DERReader.Tag.sequence).encoded
        var validity = try body.element(DERReader.Tag.sequence)
        notBefore = try validity.time()
        notAfter = try validity.time()
        try validity.finish()
        let name = try body.whole(DERReader.Tag.sequence)
        subject = name.encoded
        commonName = try Self.commonName(name.contents)
        publicKeyInfo = try body.whole(DERReader.Tag.sequence).encoded
        guard publicKeyInfo.count == Self.keyPrefix.count + 64, publicKeyInfo.starts(with: Self.keyPrefix),
            let key = try? P256.Signing.PublicKey(rawRepresentation: publicKeyInfo[Self.keyPrefix.count...])
        else { throw WireError(field: field, reason: "has a key that is not a point of P-256") }
        self.key = key
        var wrapper = try body.element(DERReader.Tag.context(3))
        (extensions, constraints) = try Self.extensions(wrapper.element(DERReader.Tag.sequence), field)
        try wrapper.finish()
        try body.finish()
        signature = try P256Signature.raw(outer.wholeBytes(), field)
        try outer.finish()
        self.der = der
        self.signedPart = signedPart
    }

    /// SHA-256 of the certificate.
    var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }
    /// SHA-256 of the public key with its algorithm.
    var publicKeyFingerprint: [UInt8] { Array(SHA256.hash(data: publicKeyInfo)) }

    /// Whether the certificate claims to be an authority.
    var claimsAuthority: Bool { constraints.isAuthority }

    /// Whether the certificate may sign others that have at most `below` authorities under them.
    func isAuthority(below: Int) -> Bool {
        constraints.isAuthority && (constraints.pathLength.map { $0 >= below } ?? true)
            && (constraints.usage ?? 0) & 0x04 != 0
    }

    /// Whether the certificate may sign lists of revoked ones.
    var maySignLists: Bool { constraints.isAuthority && (constraints.usage ?? 0) & 0x02 != 0 }

    /// Whether the key may sign documents.
    var maySignDocuments: Bool { (constraints.usage ?? 0) & 0x80 != 0 }

    /// Whether `authority` is named as the issuer and signed this certificate.
    func isIssued(by authority: P256Certificate) -> Bool {
        issuer == authority.subject && P256Signature.isValid(signature, over: signedPart, by: authority.key)
    }

    private static let commonNameType: [UInt8] = [0x55, 0x04, 0x03]

    private static func commonName(_ name: DERReader) throws(WireError) -> String {
        var name = name
        var found: String?
        while !name.isAtEnd {
            var set = try name.element(DERReader.Tag.set)
            while !set.isAtEnd {
                var pair = try set.element(DERReader.Tag.sequence)
                let type = try pair.primitive(DERReader.Tag.objectIdentifier)
                guard let tag = pair.nextTag, tag & 0x20 == 0 else { throw pair.refusal("has a malformed name") }
                let value = try pair.primitive(tag)
                try pair.finish()
                guard type == commonNameType else { continue }
                guard tag == DERReader.Tag.utf8String || tag == DERReader.Tag.printableString, found == nil,
                    let text = String(validating: value, as: UTF8.self)
                else { throw pair.refusal("has a malformed name") }
                found = text
            }
        }
        guard let found else { throw name.refusal("has no common name") }
        return ShownText.cut(found, bytes: EndorsementCertificate.shownNameLimit)
    }

    private static func extensions(
        _ list: DERReader, _ field: String
    ) throws(WireError) -> ([[UInt8]: [UInt8]], Constraints) {
        var list = list
        var values: [[UInt8]: [UInt8]] = [:]
        var constraints = Constraints()
        while !list.isAtEnd {
            var element = try list.element(DERReader.Tag.sequence)
            let name = try element.primitive(DERReader.Tag.objectIdentifier)
            var isCritical = false
            if element.nextTag == DERReader.Tag.boolean {
                isCritical = try element.boolean()
                // DER leaves a default value out.
                guard isCritical else { throw element.refusal("spells a default value out") }
            }
            let value = try element.primitive(DERReader.Tag.octetString)
            try element.finish()
            guard values.updateValue(value, forKey: name) == nil else {
                throw element.refusal("has an extension twice")
            }
            guard values.count <= extensionLimit else { throw element.refusal("has too many extensions") }
            if name == basicConstraints {
                try readConstraints(value, field, &constraints)
            } else if name == keyUsage {
                constraints.usage = try usage(value, field)
            } else if isCritical {
                throw element.refusal("has a critical extension that is not known")
            }
        }
        return (values, constraints)
    }

    private static func readConstraints(
        _ value: [UInt8], _ field: String, _ constraints: inout Constraints
    ) throws(WireError) {
        var reader = DERReader(value, "\(field) basic constraints")
        var body = try reader.element(DERReader.Tag.sequence)
        try reader.finish()
        if body.nextTag == DERReader.Tag.boolean {
            constraints.isAuthority = try body.boolean()
            guard constraints.isAuthority else { throw body.refusal("spells a default value out") }
            if !body.isAtEnd { constraints.pathLength = try body.number(upTo: 255) }
        }
        try body.finish()
    }

    private static func usage(_ value: [UInt8], _ field: String) throws(WireError) -> UInt8 {
        var reader = DERReader(value, "\(field) key usage")
        let contents = try reader.primitive(DERReader.Tag.bitString)
        try reader.finish()
        guard (2...3).contains(contents.count), contents[0] < 8,
            contents[contents.count - 1] & (UInt8(1) << contents[0] &- 1) == 0
        else { throw reader.refusal("has malformed bits") }
        return contents[1]
    }
}
