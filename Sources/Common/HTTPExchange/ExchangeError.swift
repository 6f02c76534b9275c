/// Why an exchange failed: with whom, how far it got, and what happened.
public struct ExchangeError: Error, Sendable, CustomStringConvertible {
    /// How far an exchange got.
    public enum Phase: String, Sendable {
        /// The address was not usable.
        case address
        /// Connecting.
        case connect
        /// The TLS handshake.
        case tls
        /// Sending the request.
        case send
        /// Waiting for the answer's head.
        case head
        /// Reading the answer's body.
        case body
    }

    /// The host that was talked to.
    public let host: String
    /// Its port.
    public let port: Int
    /// The phase that failed.
    public let phase: Phase
    /// What happened.
    public let reason: String

    /// Creates an error.
    public init(host: String, port: Int, phase: Phase, reason: String) {
        self.host = host
        self.port = port
        self.phase = phase
        self.reason = reason
    }

    /// Host, port, phase and reason.
    public var description: String { "\(host):\(port): \(phase.rawValue): \(reason)" }
}
