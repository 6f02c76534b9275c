import Crypto
import Evidence
import WireFormat

/// An X.509 certificate of a TPM's maker or of a machine's owner, taken apart but not trusted: keys are RSA or on P-256, P-384 or
/// P-521, signatures RSA PKCS #1 or ECDSA over SHA-2.
///
/// TPM makers leave the subject empty and name the TPM in the alternative name (TCG EK credential profile).
struct TPMCertificate: Sendable {
    let der: [UInt8]
    /// The signed part.
    let signedPart: [UInt8]
    let signature: TPMSignature
    /// The names as encoded: they are compared byte for byte.
    let issuer: [UInt8]
    let subject: [UInt8]
    /// Seconds since 1970.
    let notBefore: Int64
    let notAfter: Int64
    let key: AttestationKey
    let extensions: TPMCertificateExtensions

    private static let sizeLimit = 16 * 1024
    private static let version: [UInt8] = [0xA0, 0x03, 0x02, 0x01, 0x02]

    init(der: [UInt8], _ field: String) throws(WireError) {
        guard der.count <= Self.sizeLimit else {
            throw WireError(field: field, reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var document = DERReader(der, field)
        var outer = try document.element(DERReader.Tag.sequence)
        try document.finish()
        var (signedPart, body) = try outer.whole(DERReader.Tag.sequence)
        guard body.take(Self.version) else { throw body.refusal("is not a version 3 certificate") }
        _ = try body.integer()
        let inner = try body.whole(DERReader.Tag.sequence).encoded
        issuer = try body.whole(DERReader.Tag.sequence).encoded
        var validity = try body.element(DERReader.Tag.sequence)
        notBefore = try validity.time()
        notAfter = try validity.time()
        try validity.finish()
        subject = try body.whole(DERReader.Tag.sequence).encoded
        key = try AttestationKey(publicKeyInfo: try body.whole(DERReader.Tag.sequence).encoded)
        var wrapper = try body.element(DERReader.Tag.context(3))
        extensions = try TPMCertificateExtensions(wrapper.element(DERReader.Tag.sequence), field)
        try wrapper.finish()
        try body.finish()
        let algorithm = try outer.whole(DERReader.Tag.sequence).encoded
        guard algorithm == inner else { throw outer.refusal("names two signature algorithms") }
        signature = try Self.signature(algorithm, outer.wholeBytes(), field)
        try outer.finish()
        self.der = der
        self.signedPart = signedPart
    }

    /// SHA-256 of the certificate.
    var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }
    /// SHA-256 of the public key with its algorithm.
    var publicKeyFingerprint: [UInt8] { Array(SHA256.hash(data: key.publicKeyInfo)) }
    /// The subject for people: the first common name, or what the alternative name says of the TPM.
    var title: String {
        let name = TPMCertificateExtensions.commonName(of: subject) ?? extensions.machine?.title ?? "unnamed"
        return ShownText.cut(name, bytes: EndorsementCertificate.shownNameLimit)
    }
    /// Whether the subject says nothing.
    var hasEmptySubject: Bool { subject == [0x30, 0x00] }

    /// Whether `authority` is named as the issuer, may sign certificates with at most `below` authorities under it, and
    /// signed this one.
    func isIssued(by authority: TPMCertificate, below: Int) -> Bool {
        issuer == authority.subject && authority.extensions.isAuthority(below: below)
            && authority.key.isValid(signature, over: signedPart)
    }

    /// The algorithms as DER, with NULL parameters for RSA and none for ECDSA (RFC 4055, RFC 5758).
    private static func signature(
        _ algorithm: [UInt8], _ bytes: [UInt8], _ field: String
    ) throws(WireError) -> TPMSignature {
        let rsa: [UInt8] = [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01]
        let ecdsa: [UInt8] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03]
        for (hash, rsaEnd, ecdsaEnd) in [
            (TPMHash.sha256, 0x0B, 0x02), (.sha384, 0x0C, 0x03), (.sha512, 0x0D, 0x04),
        ] as [(TPMHash, UInt8, UInt8)] {
            if algorithm == rsa + [rsaEnd, 0x05, 0x00] { return .rsaSSA(hash: hash, bytes: bytes) }
            guard algorithm == ecdsa + [ecdsaEnd] else { continue }
            var reader = DERReader(bytes, "\(field) signature")
            var pair = try reader.element(DERReader.Tag.sequence)
            try reader.finish()
            let (r, s) = (try pair.integer(), try pair.integer())
            try pair.finish()
            guard r[0] < 0x80, s[0] < 0x80 else { throw pair.refusal("has a negative number") }
            return .ecdsa(hash: hash, r: r, s: s)
        }
        throw WireError(field: field, reason: "is signed with an algorithm that is not accepted")
    }
}
