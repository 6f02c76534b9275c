import HTTPExchange
import WireFormat

/// The address of a service or of a mirror of it: an origin and a path before all of its own.
public struct ServiceAddress: Sendable, Equatable {
    /// The origin, with whom to believe there.
    public let endpoint: HTTPEndpoint
    /// What stands before every path; empty, or begins with a slash and ends with none.
    public let prefix: String

    /// Reads `https://host[:port][/path]`, or `http://…` where whoever configures it asks for that: what is fetched is believed
    /// for its signatures, never for the connection.
    ///
    /// - Parameters:
    ///   - url: The address. A path that the service's interface has anyway, such as `/vcek/v1`, is left out.
    ///   - roots: The roots, in PEM, of servers that are reached with TLS.
    public init(_ url: String, roots: [String]) throws(WireError) {
        func refusal(_ reason: String) -> WireError { WireError(field: "address", reason: reason) }
        guard url.utf8.count <= 2048, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !url.contains("?"),
            !url.contains("#"), !url.contains("@")
        else { throw refusal("must be an address without user, query and fragment") }
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let slash = url[start...].firstIndex(of: "/") ?? url.endIndex
        var prefix = String(url[slash...])
        while prefix.hasSuffix("/") { prefix.removeLast() }
        for known in ["/vcek/v1", "/vlek/v1", "/sgx/certification/v4", "/tdx/certification/v4"]
        where prefix.hasSuffix(known) { prefix.removeLast(known.count) }
        self.prefix = prefix
        do throws(ExchangeError) {
            endpoint = try HTTPEndpoint(
                url: String(url[..<slash]), trust: url.hasPrefix("https://") ? .roots(pem: roots) : .none)
        } catch {
            throw refusal(error.reason)
        }
    }

    /// Scheme, host, port and prefix, as they stand before a path.
    public var text: String { "\(endpoint.schemeName)://\(endpoint.authority)\(prefix)" }
}
