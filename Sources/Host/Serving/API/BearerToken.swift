import Envelope
import WireFormat

/// The secret that clients of the node's API show.
///
/// Taken as a bearer token, and as the password of basic authentication under any user name: over plain HTTP kubectl
/// drops tokens (client-go sends them over TLS only) but sends what stands in the server's address.
public struct BearerToken: Sendable {
    private let expected: [UInt8]

    /// Creates a token from its text, which must have at least 16 bytes.
    ///
    /// - Throws: `WireError` for a shorter one.
    public init(_ text: String) throws(WireError) {
        let bytes = Array(text.utf8.filter { $0 > 0x20 })
        guard bytes.count >= 16 else { throw WireError(field: "token", reason: "is shorter than 16 bytes") }
        self.expected = bytes
    }

    /// Whether an Authorization header holds the token; compared in constant time.
    public func admits(_ header: String?) -> Bool {
        guard let header, let space = header.firstIndex(of: " ") else { return false }
        let value = String(header[header.index(after: space)...])
        switch header[..<space].lowercased() {
        case "bearer": return constantTimeEqual(Array(value.utf8), self.expected)
        case "basic":
            guard let pair = try? Base64.decode(value, field: "authorization"),
                let colon = pair.firstIndex(of: UInt8(ascii: ":"))
            else { return false }
            return constantTimeEqual(Array(pair[(colon + 1)...]), self.expected)
        default: return false
        }
    }
}
