import WireFormat

/// SNP evidence as it travels: a report and certificates of its signer, neither of them trusted yet.
public struct SNPEvidence: Equatable, Sendable {
    /// The report.
    public var report: SNPReport
    /// The certificates that came along, at most one of each kind.
    public var certificates: [CertificateTable.Kind: [UInt8]]

    /// The most bytes that one certificate may have.
    public static let certificateLimit = 16 * 1024

    /// Joins a report and DER certificates.
    public init(report: SNPReport, certificates: [CertificateTable.Kind: [UInt8]]) {
        self.report = report
        self.certificates = certificates
    }

    /// The JSON of the key broker protocol (`primary_evidence` of `snp` and `soft-snp`).
    public var json: JSONValue {
        let chain = CertificateTable.Kind.allCases.compactMap { kind in
            certificates[kind].map { der -> JSONValue in
                ["cert_type": .string(kind.rawValue), "data": .array(der.map { .integer(Int64($0)) })]
            }
        }
        return ["attestation_report": report.trusteeJSON, "cert_chain": .array(chain)]
    }

    /// Reads that JSON; a missing or null chain is an empty one.
    public init(json: JSONValue) throws(WireError) {
        var fields = try JSONFields(json, path: "")
        report = try SNPReport(trusteeJSON: try fields.value("attestation_report"))
        certificates = [:]
        let chain = try fields.optionalArray("cert_chain")
        guard chain.count <= 8 else { throw fields.refusal("cert_chain", "has more than 8 certificates") }
        for (index, element) in chain.enumerated() {
            var entry = try JSONFields(element, path: fields.path("cert_chain[\(index)]"))
            let name = try entry.string("cert_type")
            guard let kind = CertificateTable.Kind(rawValue: name.uppercased()) else {
                throw entry.refusal("cert_type", "is not a known kind of certificate")
            }
            let data = try Self.byteList(try entry.array("data"), entry.path("data"), limit: Self.certificateLimit)
            try entry.finish()
            let der = try CertificateTable.der(of: data, field: entry.path("data"))
            guard certificates.updateValue(der, forKey: kind) == nil else {
                throw entry.refusal("cert_type", "comes twice")
            }
        }
        try fields.finish()
    }

    static func byteList(_ elements: [JSONValue], _ path: String, limit: Int) throws(WireError) -> [UInt8] {
        guard elements.count <= limit else { throw WireError(field: path, reason: "has more than \(limit) bytes") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(elements.count)
        for element in elements {
            guard let value = element.integerValue, let byte = UInt8(exactly: value) else {
                throw WireError(field: path, reason: "must be a list of bytes")
            }
            bytes.append(byte)
        }
        return bytes
    }
}
