import WireFormat

/// What vouches for the body of an Intel quote: the quote's signature, the key that made it, and the quoting enclave that
/// vouches for the key.
///
/// Keys and signatures are raw and big-endian, x || y and r || s.
public struct QuoteSignature: Equatable, Sendable {
    /// The attestation key's signature over header and body (64 bytes).
    public var signature: [UInt8]
    /// The attestation key (64 bytes).
    public var attestationKey: [UInt8]
    /// The report of the quoting enclave; its report data binds the attestation key.
    public var qeReport: SGXReportBody
    /// The platform key's signature over the quoting enclave's report (64 bytes).
    public var qeReportSignature: [UInt8]
    /// What the quoting enclave hashed together with the attestation key; any length up to 65535.
    public var authenticationData: [UInt8]
    /// What leads to the platform key.
    public var certification: CertificationData

    /// The kind of certification data that wraps the quoting enclave's report from version 4 on.
    static let wrapped: UInt16 = 6

    /// Parses the whole section; nothing may be left of it.
    init(parsing bytes: [UInt8], version: UInt16) throws(WireError) {
        var reader = ByteReader(bytes)
        signature = try reader.bytes(64, "quote signature")
        attestationKey = try reader.bytes(64, "attestation key")
        if version > 3 {
            guard try reader.u16LE("outer certification type") == Self.wrapped else {
                throw WireError(field: "outer certification type", reason: "must be \(Self.wrapped)")
            }
            let count = try reader.u32LE("outer certification length")
            guard count == UInt32(reader.remaining) else {
                throw WireError(field: "outer certification length", reason: "\(count), but \(reader.remaining) follow")
            }
        }
        qeReport = try SGXReportBody(bytes: reader.bytes(SGXReportBody.length, "QE report"))
        qeReportSignature = try reader.bytes(64, "QE report signature")
        authenticationData = try reader.bytes(
            Int(reader.u16LE("QE authentication data length")), "QE authentication data")
        let type = try reader.u16LE("certification type")
        let count = try reader.u32LE("certification length")
        guard count == UInt32(reader.remaining) else {
            throw WireError(field: "certification length", reason: "\(count), but \(reader.remaining) follow")
        }
        certification = CertificationData(type: type, bytes: reader.rest())
    }

    func bytes(version: UInt16) -> [UInt8] {
        var inner = ByteWriter()
        inner.append(qeReport.bytes)
        inner.append(qeReportSignature)
        inner.u16LE(UInt16(truncatingIfNeeded: authenticationData.count))
        inner.append(authenticationData)
        inner.u16LE(certification.type)
        inner.u32LE(UInt32(truncatingIfNeeded: certification.bytes.count))
        inner.append(certification.bytes)
        var writer = ByteWriter()
        writer.append(signature)
        writer.append(attestationKey)
        if version > 3 {
            writer.u16LE(Self.wrapped)
            writer.u32LE(UInt32(truncatingIfNeeded: inner.bytes.count))
        }
        writer.append(inner.bytes)
        return writer.bytes
    }
}

/// What leads from a quote to the platform's key.
public struct CertificationData: Equatable, Sendable {
    /// The kind that holds the platform's certificate chain in PEM, leaf first; the others hold less or only names.
    public static let chain: UInt16 = 5

    /// The kind: 1 to 3 a platform's identity plain or encrypted, 4 a certificate, 5 a chain, 7 a platform manifest.
    public var type: UInt16
    /// The data as it stands.
    public var bytes: [UInt8]

    /// Joins kind and data.
    public init(type: UInt16, bytes: [UInt8]) {
        self.type = type
        self.bytes = bytes
    }
}
