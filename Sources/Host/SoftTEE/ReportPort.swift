import WireFormat

/// The report device as the guest sees it on its port: report data in, a signed report with its certificates out.
///
/// Sans-I/O. A request is a big-endian length (65), the byte 1 and 64 bytes of report data. An answer is a big-endian
/// length, a status byte (0: done) and, when done, the report, a 16-bit count and that many certificates, each with a
/// 32-bit length.
public struct ReportPort {
    /// What the port gives out for one request.
    public struct Answer: Sendable, Equatable {
        /// The 1184 bytes of the report.
        public let report: [UInt8]
        /// VCEK, ASK, ARK as DER.
        public let certificates: [[UInt8]]

        /// Creates an answer.
        public init(report: [UInt8], certificates: [[UInt8]]) {
            self.report = report
            self.certificates = certificates
        }
    }

    /// The statuses of an answer.
    public enum Status: UInt8, Sendable {
        /// A report follows.
        case done = 0
        /// The request is not one.
        case malformed = 1
        /// The report could not be signed.
        case failed = 2
    }

    private static let requestLength = 65
    private var pending: [UInt8] = []
    private let sign: ([UInt8]) throws(SoftTEEError) -> Answer

    /// Creates the port.
    ///
    /// - Parameter sign: Makes the report over 64 bytes of report data.
    public init(sign: @escaping ([UInt8]) throws(SoftTEEError) -> Answer) { self.sign = sign }

    /// Takes bytes from the guest and gives the bytes to answer.
    ///
    /// A request of a wrong form is answered with a status and everything received so far is dropped, since where the
    /// next request starts is not known.
    public mutating func receive(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        self.pending += bytes
        var output: [UInt8] = []
        while self.pending.count >= 4 {
            let length = self.pending[..<4].reduce(0) { $0 << 8 | Int($1) }
            guard length == Self.requestLength else {
                self.pending = []
                return output + Self.frame(.malformed, [])
            }
            guard self.pending.count >= 4 + length else { break }
            let request = Array(self.pending[4..<(4 + length)])
            self.pending.removeFirst(4 + length)
            guard request[0] == 1 else {
                output += Self.frame(.malformed, [])
                continue
            }
            do throws(SoftTEEError) {
                output += Self.frame(.done, Self.body(try self.sign(Array(request[1...]))))
            } catch {
                output += Self.frame(.failed, [])
            }
        }
        return output
    }

    private static func body(_ answer: Answer) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(answer.report)
        writer.u16BE(UInt16(answer.certificates.count))
        for certificate in answer.certificates {
            writer.u32BE(UInt32(certificate.count))
            writer.append(certificate)
        }
        return writer.bytes
    }

    private static func frame(_ status: Status, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.u32BE(UInt32(1 + body.count))
        writer.u8(status.rawValue)
        writer.append(body)
        return writer.bytes
    }
}
