import WireFormat

/// Evidence of a confidential machine on Azure as it travels, in the three generations of the confidential-containers agents.
///
/// The first has lists of bytes and PEM; the later ones have hex and base64, and say so in `version`.
public struct AzureVTPMEvidence: Equatable, Sendable {
    /// What vouches for the hardware report.
    public enum Endorsement: Equatable, Sendable {
        /// For SNP: the certificate of the chip's key in DER.
        case chipCertificate([UInt8])
        /// For TDX: a TD quote over the same report data.
        case quote([UInt8])
    }

    /// The generation: 0 for the one without a version.
    public var generation: Int
    /// The HCL report.
    public var hclReport: [UInt8]
    /// The TPM's statement (TPMS_ATTEST).
    public var message: [UInt8]
    /// The bare RSA signature over it.
    public var signature: [UInt8]
    /// The registers of the SHA-256 bank from 0 on.
    public var registers: [[UInt8]]
    /// What vouches for the hardware report.
    public var endorsement: Endorsement

    private static let registerLimit = 24
    private static let partLimit = 64 * 1024

    /// Joins its parts.
    public init(
        generation: Int, hclReport: [UInt8], message: [UInt8], signature: [UInt8], registers: [[UInt8]],
        endorsement: Endorsement
    ) {
        self.generation = generation
        self.hclReport = hclReport
        self.message = message
        self.signature = signature
        self.registers = registers
        self.endorsement = endorsement
    }

    /// Reads the JSON of any generation.
    public init(json: JSONValue) throws(WireError) {
        if let version = json["version"] {
            guard let number = version.integerValue, number == 1 || number == 2 else {
                throw WireError(field: "version", reason: "is not known")
            }
            generation = Int(number)
        } else {
            generation = 0
        }
        let isFirst = generation == 0
        var fields = try JSONFields(json, path: "")
        // The first generation for SNP names two parts differently.
        var quote = try fields.fields(json["quote"] == nil ? "tpm_quote" : "quote")
        message = try Self.bytes(&quote, "message", isFirst)
        signature = try Self.bytes(&quote, "signature", isFirst)
        let list = try quote.array("pcrs")
        guard list.count <= Self.registerLimit else {
            throw quote.refusal("pcrs", "has more than \(Self.registerLimit) values")
        }
        registers = []
        for (index, value) in list.enumerated() {
            let field = quote.path("pcrs[\(index)]")
            if let bytes = value.arrayValue {
                registers.append(try SNPEvidence.byteList(bytes, field, limit: TPMHash.sha512.length))
            } else if let text = value.stringValue {
                registers.append(try Hex.decode(text, field: field))
            } else {
                throw WireError(field: field, reason: "must be hex or bytes")
            }
        }
        let reportName = json["report"] == nil ? "hcl_report" : "report"
        hclReport = try Self.part(try fields.value(reportName), reportName)
        if let vcek = json["vcek"] {
            guard let text = vcek.stringValue else { throw WireError(field: "vcek", reason: "must be a text") }
            let isPEM = text.hasPrefix("-----BEGIN ")
            endorsement = .chipCertificate(
                isPEM
                    ? try CertificateTable.der(of: Array(text.utf8), field: "vcek")
                    : try Base64.decodeEither(text, field: "vcek"))
        } else {
            endorsement = .quote(try Self.part(try fields.value("td_quote"), "td_quote"))
        }
    }

    /// A part in hex, or as a list of bytes in the first generation.
    private static func bytes(
        _ fields: inout JSONFields, _ key: String, _ isFirst: Bool
    ) throws(WireError) -> [UInt8] {
        if isFirst { return try SNPEvidence.byteList(try fields.array(key), fields.path(key), limit: partLimit) }
        return try Hex.decode(try fields.string(key), field: fields.path(key))
    }

    /// A part in either base64, or as a list of bytes.
    private static func part(_ value: JSONValue, _ field: String) throws(WireError) -> [UInt8] {
        if let list = value.arrayValue { return try SNPEvidence.byteList(list, field, limit: partLimit) }
        guard let text = value.stringValue else { throw WireError(field: field, reason: "must be base64 or bytes") }
        let bytes = try Base64.decodeEither(text, field: field)
        guard bytes.count <= partLimit else { throw WireError(field: field, reason: "exceeds \(partLimit) bytes") }
        return bytes
    }

    /// The JSON of the same generation; base64 is URL-safe and PEM becomes one certificate.
    public var json: JSONValue {
        let isFirst = generation == 0
        func list(_ bytes: [UInt8]) -> JSONValue { .array(bytes.map { .integer(Int64($0)) }) }
        func hex(_ bytes: [UInt8]) -> JSONValue { isFirst ? list(bytes) : .string(Hex.encode(bytes)) }
        func base64(_ bytes: [UInt8]) -> JSONValue { isFirst ? list(bytes) : .string(Base64.encodeURL(bytes)) }
        let quote: JSONValue = [
            "message": hex(message), "signature": hex(signature), "pcrs": .array(registers.map(hex)),
        ]
        var members: [String: JSONValue] = [:]
        if !isFirst { members["version"] = .integer(Int64(generation)) }
        switch endorsement {
        case .chipCertificate(let der):
            members[isFirst ? "quote" : "tpm_quote"] = quote
            members[isFirst ? "report" : "hcl_report"] = base64(hclReport)
            members["vcek"] =
                isFirst
                ? .string("-----BEGIN CERTIFICATE-----\n\(Base64.encode(der))\n-----END CERTIFICATE-----\n")
                : .string(Base64.encodeURL(der))
        case .quote(let quoteBytes):
            members["tpm_quote"] = quote
            members["hcl_report"] = base64(hclReport)
            members["td_quote"] = base64(quoteBytes)
        }
        return .object(members)
    }
}
