import WireFormat

/// An Intel quote: SGX ECDSA of version 3, SGX and TDX of versions 4 and 5.
public struct Quote: Equatable, Sendable {
    /// What was quoted.
    public enum Body: Equatable, Sendable {
        /// An enclave.
        case enclave(SGXReportBody)
        /// A trust domain.
        case domain(TDReport)

        /// The body as it stands in the quote.
        public var bytes: [UInt8] {
            switch self {
            case .enclave(let report): report.bytes
            case .domain(let report): report.bytes
            }
        }
    }

    /// The largest quote that is read, in bytes.
    public static let sizeLimit = 256 * 1024

    /// The header.
    public var header: QuoteHeader
    /// What was quoted.
    public var body: Body
    /// What vouches for it.
    public var signature: QuoteSignature
    /// What follows the quote: kernels hand out padded buffers. Never looked at.
    public var trailing: [UInt8]

    /// Parses a quote and keeps what follows it.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: "quote", reason: "exceeds \(Self.sizeLimit) bytes")
        }
        var reader = ByteReader(bytes)
        header = try QuoteHeader(&reader)
        body = try Self.body(&reader, header)
        let length = try reader.u32LE("signature length")
        guard length <= UInt32(reader.remaining) else {
            throw WireError(field: "signature length", reason: "\(length), but \(reader.remaining) follow")
        }
        signature = try QuoteSignature(
            parsing: reader.bytes(Int(length), "signature section"), version: header.version)
        trailing = reader.rest()
    }

    private static func body(_ reader: inout ByteReader, _ header: QuoteHeader) throws(WireError) -> Body {
        var expected = header.tee == .sgx ? SGXReportBody.length : TDReport.length10
        if header.version >= 5 {
            let type = try reader.u16LE("body type")
            switch (type, header.tee) {
            case (1, .sgx): expected = SGXReportBody.length
            case (2, .tdx): expected = TDReport.length10
            case (3, .tdx): expected = TDReport.length15
            default: throw WireError(field: "body type", reason: "\(type) at byte 48 does not belong to the TEE type")
            }
            let size = try reader.u32LE("body size")
            guard size == UInt32(expected) else {
                throw WireError(field: "body size", reason: "\(size) at byte 50, but type \(type) has \(expected)")
            }
        }
        let bytes = try reader.bytes(expected, "quote body")
        switch header.tee {
        case .sgx: return .enclave(try SGXReportBody(bytes: bytes))
        case .tdx: return .domain(try TDReport(bytes: bytes))
        }
    }

    /// The kind of the body as version 5 numbers it: 1 an enclave, 2 TD 1.0, 3 TD 1.5.
    public var bodyType: UInt16 {
        switch body {
        case .enclave: 1
        case .domain(let report): report.isTD15 ? 3 : 2
        }
    }

    /// The bytes that the attestation key signed: header and body, with the body's kind and size in version 5.
    public var signedBytes: [UInt8] {
        var writer = ByteWriter()
        header.write(to: &writer)
        let content = body.bytes
        if header.version >= 5 {
            writer.u16LE(bodyType)
            writer.u32LE(UInt32(truncatingIfNeeded: content.count))
        }
        writer.append(content)
        return writer.bytes
    }

    /// The quote with what followed it.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(signedBytes)
        let section = signature.bytes(version: header.version)
        writer.u32LE(UInt32(truncatingIfNeeded: section.count))
        writer.append(section)
        writer.append(trailing)
        return writer.bytes
    }
}
