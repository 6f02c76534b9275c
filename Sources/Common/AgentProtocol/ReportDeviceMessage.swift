import WireFormat

/// The messages of the software report device (port `org.testudo.report`).
///
/// Each is a u32 BE length and as many bytes. Request: u8 1, 64 bytes of report data. Answer: u8 0, 1184 bytes of report,
/// u16 BE count, then each certificate as u32 BE length and DER (VCEK, ASK, ARK). A refusal is one byte other than 0.
public enum ReportDeviceMessage: Equatable, Sendable {
    /// Asks for a report over 64 bytes.
    case request(reportData: [UInt8])
    /// The report and the certificates of its signer, leaf first.
    case answer(report: [UInt8], certificates: [[UInt8]])
    /// The device does not answer; the byte says why (2: malformed request, 3: no launch is known).
    case refusal(status: UInt8)

    /// Bytes of report data in a request.
    public static let reportDataLength = 64
    /// Bytes of a report.
    public static let reportLength = 1184
    /// The longest message after its length field.
    public static let messageLimit = 64 * 1024
    /// The most certificates in an answer.
    public static let certificateLimit = 8

    /// The message as it goes over the port.
    public var encoded: [UInt8] {
        var body: [UInt8] = []
        switch self {
        case .request(let reportData):
            body = [1] + reportData
        case .answer(let report, let certificates):
            body = [0] + report
            body += [UInt8(truncatingIfNeeded: certificates.count >> 8), UInt8(truncatingIfNeeded: certificates.count)]
            for certificate in certificates {
                appendBigEndian(UInt32(certificate.count), to: &body)
                body += certificate
            }
        case .refusal(let status):
            body = [status]
        }
        var message: [UInt8] = []
        appendBigEndian(UInt32(body.count), to: &message)
        return message + body
    }

    /// Parses the body of a request (without the length field).
    public static func parseRequest(_ body: [UInt8]) throws(WireError) -> ReportDeviceMessage {
        var reader = ByteReader(body)
        let operation = try reader.u8("report request operation")
        guard operation == 1 else {
            throw WireError(field: "report request operation", reason: "\(operation) is not 1 (get report)")
        }
        let data = try reader.bytes(reportDataLength, "report data")
        try reader.finish()
        return .request(reportData: data)
    }

    /// Parses the body of an answer (without the length field).
    public static func parseAnswer(_ body: [UInt8]) throws(WireError) -> ReportDeviceMessage {
        var reader = ByteReader(body)
        let status = try reader.u8("report status")
        guard status == 0 else {
            try reader.finish()
            return .refusal(status: status)
        }
        let report = try reader.bytes(reportLength, "report")
        let count = Int(try reader.u16BE("certificate count"))
        guard count <= certificateLimit else {
            throw WireError(field: "certificate count", reason: "\(count) are more than \(certificateLimit)")
        }
        var certificates: [[UInt8]] = []
        for _ in 0..<count {
            let length = Int(try reader.u32BE("certificate length"))
            certificates.append(try reader.bytes(length, "certificate"))
        }
        try reader.finish()
        return .answer(report: report, certificates: certificates)
    }
}

/// Cuts the byte stream of a report device into message bodies.
public struct ReportDeviceSplitter: Sendable {
    private var pending: [UInt8] = []

    /// Creates a splitter.
    public init() {}

    /// Takes bytes in and returns the bodies that are whole now.
    public mutating func append(_ bytes: [UInt8]) throws(WireError) -> [[UInt8]] {
        pending += bytes
        var bodies: [[UInt8]] = []
        while pending.count >= 4 {
            let length = Int(bigEndian(pending, at: 0))
            guard (1...ReportDeviceMessage.messageLimit).contains(length) else {
                throw WireError(field: "report message length", reason: "\(length) bytes are not allowed")
            }
            guard pending.count >= 4 + length else { break }
            bodies.append(Array(pending[4..<4 + length]))
            pending.removeFirst(4 + length)
        }
        return bodies
    }
}
