import Rego

/// A request for a certificate.
struct CertificateRequest {
    /// As Go prints it.
    let value: Value

    init(_ bytes: [UInt8]) throws(Malformed) {
        let document = try DERNode(bytes)
        let parts = try document.sequence()
        guard parts.count == 3 else { throw Malformed() }
        let signature = try CertificateSignature(parts[1], parts[2])
        let base = try parts[0].sequence()
        guard base.count >= 3 else { throw Malformed() }
        let subject = try DistinguishedName(base[1])
        let key = try SubjectPublicKey(base[2])
        var extensions = CertificateExtensions()
        if base.count > 3 {
            for attribute in try base[3].children() {
                let parts = try attribute.sequence()
                guard parts.count == 2, try parts[0].identifier() == [1, 2, 840, 113549, 1, 9, 14] else { continue }
                if let list = try parts[1].children().first { extensions = try CertificateExtensions(list) }
            }
        }
        var fields = Fields()
        fields.add("Raw", Bytes.base64(document.encoded))
        fields.add("RawTBSCertificateRequest", Bytes.base64(parts[0].encoded))
        fields.add("RawSubjectPublicKeyInfo", Bytes.base64(key.raw))
        fields.add("RawSubject", Bytes.base64(subject.raw))
        fields.add("Version", .int(try base[0].int()))
        fields.add("Signature", Bytes.base64(signature.bytes))
        fields.add("SignatureAlgorithm", .int(signature.number))
        fields.add("PublicKeyAlgorithm", .int(key.algorithm))
        fields.add("PublicKey", key.value)
        fields.add("Subject", subject.value)
        fields.addNull("Attributes")
        fields.add("Extensions", extensions.list)
        fields.addNull("ExtraExtensions")
        extensions.addNames(to: &fields)
        value = fields.value
    }
}
