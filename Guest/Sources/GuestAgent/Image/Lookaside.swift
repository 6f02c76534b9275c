import HTTPExchange
import NIOCore
import Registry

/// The signature store beside the registry, from its address in the manifest.
enum Lookaside {
    /// Nothing for an empty address. What it serves is checked by signature, so plain HTTP is enough; a store that needs
    /// TLS would need its certificate in the manifest, which has no place for one.
    static func store(_ address: String, dialer: any Dialer, loop: any EventLoop) throws -> LookasideStore? {
        guard !address.isEmpty else { return nil }
        let scheme = "http://"
        guard address.hasPrefix(scheme) else { throw ImageRefusal("the signature store must be an http:// address") }
        let rest = address.dropFirst(scheme.count)
        let cut = rest.firstIndex(of: "/") ?? rest.endIndex
        let endpoint = try HTTPEndpoint(url: scheme + rest[..<cut], trust: .none)
        return LookasideStore(
            basePath: String(rest[cut...]),
            exchanger: HTTPExchanger(endpoint: endpoint, dialer: dialer, eventLoopGroup: loop))
    }
}
