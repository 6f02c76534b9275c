import NIOHTTP1
import WireFormat

/// Decides what becomes of a request before anything of it reaches the container. Pure.
public struct RequestScreen: Sendable {
    /// What to do with a request.
    public enum Verdict: Equatable, Sendable {
        /// Hand it on with this head.
        case forward(HTTPRequestHead)
        /// Answer with fresh evidence for this nonce.
        case attest(nonce: [UInt8])
        /// Answer here, with this status and sentence.
        case answer(HTTPResponseStatus, String)
    }

    /// Path of the agent's own attestation endpoint; everything below `/.well-known/testudo/` is the agent's.
    public static let attestationPath = "/.well-known/testudo/attestation"

    private let names: Set<String>
    private let secure: Bool

    /// Screens for a pod with these names; `secure` when the connection's TLS ends here.
    public init(hostnames: [String], secure: Bool) {
        names = Set(hostnames.map { $0.lowercased() })
        self.secure = secure
    }

    /// Judges a request that came on a connection for `serverName` (nothing without TLS or without the extension).
    public func judge(_ head: HTTPRequestHead, serverName: String?) -> Verdict {
        guard head.version.major == 1 else { return .answer(.httpVersionNotSupported, "only HTTP/1.1 is spoken here") }
        guard head.method != .CONNECT else { return .answer(.methodNotAllowed, "this is no proxy") }
        let hosts = head.headers["host"]
        guard hosts.count == 1 || (hosts.isEmpty && head.version.minor == 0) else {
            return .answer(.badRequest, "exactly one Host header is needed")
        }
        guard let (authority, path) = Self.split(head.uri) else { return .answer(.badRequest, "bad request target") }
        let wanted = [hosts.first, authority].compactMap { $0 }.map(Self.name)
        let named = wanted + (secure ? [serverName?.lowercased() ?? ""] : [])
        guard !wanted.isEmpty, named.allSatisfy(names.contains) else {
            return .answer(.misdirectedRequest, "this guest does not answer for that name")
        }
        guard head.headers["content-length"].count <= 1,
            !(Self.isChunked(head) && head.headers.contains(name: "content-length"))
        else { return .answer(.badRequest, "ambiguous length of the body") }
        if path.hasPrefix("/.well-known/testudo/") { return ownEndpoint(head, path: path) }
        return .forward(ForwardedHeaders.request(head, path: path, host: wanted[0], secure: secure))
    }

    private func ownEndpoint(_ head: HTTPRequestHead, path: String) -> Verdict {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        guard secure, parts.first == Self.attestationPath else { return .answer(.notFound, "no such endpoint") }
        guard head.method == .GET else { return .answer(.methodNotAllowed, "use GET") }
        guard parts.count == 2, parts[1].hasPrefix("nonce="),
            let nonce = try? Base64.decodeURL(String(parts[1].dropFirst("nonce=".count)), field: "nonce"),
            (32...64).contains(nonce.count)
        else { return .answer(.badRequest, "nonce must be 32 to 64 bytes in base64url") }
        return .attest(nonce: nonce)
    }

    /// Authority and path of a request target in origin or absolute form.
    private static func split(_ target: String) -> (String?, String)? {
        if target.hasPrefix("/") { return (nil, target) }
        if target == "*" { return (nil, "*") }
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            guard let slash = rest.firstIndex(of: "/") else { return rest.isEmpty ? nil : (String(rest), "/") }
            return (String(rest[..<slash]), String(rest[slash...]))
        }
        return nil
    }

    private static func name(_ host: String) -> String {
        var text = host.lowercased()[...]
        if let colon = text.lastIndex(of: ":"), text[text.index(after: colon)...].allSatisfy(\.isNumber) {
            text = text[..<colon]
        }
        return String(text)
    }

    static func isChunked(_ head: HTTPRequestHead) -> Bool {
        head.headers.contains(name: "transfer-encoding")
    }
}
