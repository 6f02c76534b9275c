import WireFormat

/// A certificate that the broker issued.
public struct IssuedCertificate: Sendable, Equatable {
    /// Leaf first, then what vouches for it, in PEM.
    public let chain: String
    /// When it ends, in seconds since 1970.
    public let notAfter: Int64

    /// Parses the answer to a certificate request.
    public init(parsing body: [UInt8]) throws(BrokerFailure) {
        do {
            var fields = try JSONFields(try JSONValue.parse(body), path: "certificate answer")
            self.chain = try fields.string("certificate")
            self.notAfter = try fields.integer("notAfter")
            try fields.finish()
        } catch {
            throw BrokerFailure(.badAnswer, "certificate: \(error)")
        }
    }
}
