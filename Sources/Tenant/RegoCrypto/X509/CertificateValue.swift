import Rego

extension Certificate {
    /// As Go prints a certificate; with `URIStrings` if asked, as OPA adds them.
    func value(withURIs: Bool) -> Value {
        var fields = Fields()
        fields.add("Raw", Bytes.base64(raw))
        fields.add("RawTBSCertificate", Bytes.base64(signed))
        fields.add("RawSubjectPublicKeyInfo", Bytes.base64(publicKey.raw))
        fields.add("RawSubject", Bytes.base64(subject.raw))
        fields.add("RawIssuer", Bytes.base64(issuer.raw))
        fields.add("Signature", Bytes.base64(signature.bytes))
        fields.add("SignatureAlgorithm", .int(signature.number))
        fields.add("PublicKeyAlgorithm", .int(publicKey.algorithm))
        fields.add("PublicKey", publicKey.value)
        fields.add("Version", .int(version))
        fields.add("SerialNumber", .number(Number(signed: serial)))
        fields.add("Issuer", issuer.value)
        fields.add("Subject", subject.value)
        fields.add("NotBefore", .string(notBefore.text))
        fields.add("NotAfter", .string(notAfter.text))
        fields.add("KeyUsage", .int(extensions.keyUsage))
        extensions.add(to: &fields)
        if withURIs { fields.add("URIStrings", texts: extensions.names.uris) }
        return fields.value
    }
}

extension CertificateExtensions {
    /// The extensions as they are, critical ones that nobody knows, and what those that are known say.
    fileprivate func add(to fields: inout Fields) {
        fields.add("Extensions", list)
        fields.addNull("ExtraExtensions")
        fields.add("UnhandledCriticalExtensions", Self.identifiers(unhandled))
        fields.add("ExtKeyUsage", extendedKeyUsage.isEmpty ? .null : .array(extendedKeyUsage.map { .int($0) }))
        fields.add("UnknownExtKeyUsage", Self.identifiers(unknownExtendedKeyUsage))
        fields.add("BasicConstraintsValid", .bool(hasBasicConstraints))
        fields.add("IsCA", .bool(isAuthority))
        fields.add("MaxPathLen", .int(hasBasicConstraints ? pathLength ?? -1 : 0))
        fields.add("MaxPathLenZero", .bool(hasBasicConstraints && pathLength == 0))
        fields.add("SubjectKeyId", subjectKey.map { Bytes.base64($0) } ?? .null)
        fields.add("AuthorityKeyId", authorityKey.map { Bytes.base64($0) } ?? .null)
        fields.add("OCSPServer", texts: responders)
        fields.add("IssuingCertificateURL", texts: issuers)
        addNames(to: &fields)
        fields.add("PermittedDNSDomainsCritical", .bool(constraintsAreCritical))
        fields.add("PermittedDNSDomains", texts: permitted.dns)
        fields.add("ExcludedDNSDomains", texts: excluded.dns)
        fields.add("PermittedIPRanges", Self.ranges(permitted.addresses))
        fields.add("ExcludedIPRanges", Self.ranges(excluded.addresses))
        fields.add("PermittedEmailAddresses", texts: permitted.emails)
        fields.add("ExcludedEmailAddresses", texts: excluded.emails)
        fields.add("PermittedURIDomains", texts: permitted.uris)
        fields.add("ExcludedURIDomains", texts: excluded.uris)
        fields.add("CRLDistributionPoints", texts: distributionPoints)
        fields.add("PolicyIdentifiers", Self.identifiers(policies))
        fields.add("Policies", texts: policies.map { $0.map(String.init).joined(separator: ".") })
        for name in ["InhibitAnyPolicy", "InhibitPolicyMapping", "RequireExplicitPolicy"] {
            fields.add(name, .int(0))
            fields.add("\(name)Zero", .bool(false))
        }
        fields.addNull("PolicyMappings")
    }

    /// The alternative names.
    func addNames(to fields: inout Fields) {
        fields.add("DNSNames", texts: names.dns)
        fields.add("EmailAddresses", texts: names.emails)
        fields.add("IPAddresses", texts: names.addresses.map { IPAddress.text($0) })
        fields.add("URIs", names.uris.isEmpty ? .null : .array(names.uris.map { URLText($0).value }))
    }

    var list: Value {
        if all.isEmpty { return .null }
        return .array(
            all.map { entry in
                var fields = Fields()
                fields.add("Id", Fields.identifier(entry.identifier))
                fields.add("Critical", .bool(entry.isCritical))
                fields.add("Value", Bytes.base64(entry.bytes))
                return fields.value
            })
    }

    private static func identifiers(_ identifiers: [[Int]]) -> Value {
        identifiers.isEmpty ? .null : .array(identifiers.map { Fields.identifier($0) })
    }

    private static func ranges(_ ranges: [[UInt8]]) -> Value {
        if ranges.isEmpty { return .null }
        return .array(
            ranges.map { range in
                var fields = Fields()
                fields.add("IP", .string(IPAddress.text(Array(range.prefix(range.count / 2)))))
                fields.add("Mask", Bytes.base64(range.suffix(range.count / 2)))
                return fields.value
            })
    }
}
