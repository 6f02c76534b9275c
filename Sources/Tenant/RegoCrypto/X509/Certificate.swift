import Rego

/// A certificate.
struct Certificate {
    let raw: [UInt8]
    let signed: [UInt8]
    let version: Int
    let serial: [UInt8]
    let signature: CertificateSignature
    let issuer: DistinguishedName
    let subject: DistinguishedName
    let notBefore: Instant
    let notAfter: Instant
    let publicKey: SubjectPublicKey
    let extensions: CertificateExtensions

    init(_ bytes: [UInt8]) throws(Malformed) {
        let document = try DERNode(bytes)
        raw = document.encoded
        let parts = try document.sequence()
        guard parts.count == 3 else { throw Malformed() }
        signed = parts[0].encoded
        signature = try CertificateSignature(parts[1], parts[2])
        var fields = try parts[0].sequence()[...]
        if let first = fields.first, first.context == 0 {
            guard let number = try first.children().first else { throw Malformed() }
            version = try number.int() + 1
            fields.removeFirst()
        } else {
            version = 1
        }
        let (base, optional) = (Array(fields.prefix(6)), fields.dropFirst(6))
        guard base.count == 6 else { throw Malformed() }
        serial = try base[0].integer()
        issuer = try DistinguishedName(base[2])
        let validity = try base[3].sequence()
        guard validity.count == 2 else { throw Malformed() }
        (notBefore, notAfter) = (try Instant(validity[0]), try Instant(validity[1]))
        subject = try DistinguishedName(base[4])
        publicKey = try SubjectPublicKey(base[5])
        if let list = try optional.first(where: { $0.context == 3 })?.children().first {
            extensions = try CertificateExtensions(list)
        } else {
            extensions = CertificateExtensions()
        }
    }

    /// Certificates one after another.
    static func list(_ bytes: [UInt8]) throws(Malformed) -> [Certificate] {
        var certificates: [Certificate] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let length = try Self.length(rest)
            certificates.append(try Certificate(Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        return certificates
    }

    /// How long the element at the start is, with its tag.
    private static func length(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> Int {
        let head = Array(bytes.prefix(6))
        guard head.count > 2 else { throw Malformed() }
        var (length, header) = (Int(head[1]), 2)
        if length > 0x80 {
            header += length - 0x80
            guard header <= 6, head.count >= header else { throw Malformed() }
            length = head[2..<header].reduce(0) { $0 << 8 | Int($1) }
        } else if length == 0x80 {
            throw Malformed()
        }
        guard header + length <= bytes.count else { throw Malformed() }
        return header + length
    }
}
