import Sandbox

/// What a gateway reads from the first bytes of a connection.
public enum Peek: Equatable, Sendable {
    /// More bytes are needed.
    case needsMore
    /// The connection is for this host.
    case host(String)
    /// The connection is answered with these bytes and closed.
    case refuse([UInt8])
}

/// How one gateway finds the host and how it says no; the rest is the same for both.
public protocol GatewayDialect: Sendable {
    /// The stream that is opened to the guest.
    var target: String { get }
    /// Looks for the host.
    func peek(_ bytes: some Collection<UInt8>) -> Peek
    /// The answer when the route forbids this way in, or nil to go on.
    func refusal(host: String, route: Activator.Route?) -> [UInt8]?
    /// The answer when no instance could be had.
    func failure(_ failure: SandboxFailure) -> [UInt8]
}

/// TLS by server name: nothing is decrypted, TLS ends in the guest.
public struct TLSDialect: GatewayDialect {
    /// The guest's TLS ingress.
    public let target = "tls"

    /// Creates the dialect.
    public init() {}

    /// Reads the ClientHello.
    public func peek(_ bytes: some Collection<UInt8>) -> Peek {
        switch ClientHello.read(bytes) {
        case .needsMore: .needsMore
        case .serverName(let name): .host(name)
        case .noServerName, .malformed: .refuse(Self.alert(Self.unrecognizedName))
        }
    }

    /// Refuses names that no confidential Service has.
    public func refusal(host: String, route: Activator.Route?) -> [UInt8]? {
        route?.tls == true ? nil : Self.alert(Self.unrecognizedName)
    }

    /// Says only that it failed; the reason stands in the Service's conditions.
    public func failure(_ failure: SandboxFailure) -> [UInt8] { Self.alert(Self.internalError) }

    // RFC 8446 section 6.
    private static let unrecognizedName: UInt8 = 112
    private static let internalError: UInt8 = 80

    private static func alert(_ description: UInt8) -> [UInt8] { [21, 3, 3, 0, 2, 2, description] }
}

/// Plain HTTP/1 by Host, for classes and manifests that allow it.
///
/// The host of the first request decides; later requests of the same connection go to the same guest, which checks
/// their Host itself.
public struct HTTPDialect: GatewayDialect {
    /// The guest's plain ingress.
    public let target = "http"
    private let tlsPort: Int

    /// Creates the dialect.
    ///
    /// - Parameter tlsPort: The port of the TLS gateway, for the address in refusals.
    public init(tlsPort: Int) { self.tlsPort = tlsPort }

    /// Reads the first request's head.
    public func peek(_ bytes: some Collection<UInt8>) -> Peek {
        switch RequestHead.read(bytes) {
        case .needsMore: .needsMore
        case .host(let name): .host(name)
        case .malformed(let reason): .refuse(Self.answer("400 Bad Request", reason))
        }
    }

    /// 404 for unknown hosts, 421 where only TLS is served (rule R17).
    public func refusal(host: String, route: Activator.Route?) -> [UInt8]? {
        guard let route else { return Self.answer("404 Not Found", "no Service of this node answers to \(host)") }
        guard !route.plaintext else { return nil }
        return Self.answer(
            "421 Misdirected Request",
            "\(host) is confidential: TLS ends in its guest, and its manifest does not allow plain HTTP. "
                + "Use https://\(host):\(self.tlsPort)/")
    }

    /// 503 with the kind of failure.
    public func failure(_ failure: SandboxFailure) -> [UInt8] {
        Self.answer(
            "503 Service Unavailable", failure.description, more: "X-Testudo-Failure: \(failure.kind.rawValue)\r\n")
    }

    private static func answer(_ status: String, _ reason: String, more: String = "") -> [UInt8] {
        let body = reason + "\n"
        return Array(
            ("HTTP/1.1 \(status)\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: \(body.utf8.count)\r\n"
                + more + "Connection: close\r\n\r\n" + body).utf8)
    }
}
