import Hummingbird
import NIOCore

/// What the server knows of a request beside its text: who calls.
struct BrokerRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let address: ClientAddress
    let channel: any Channel

    init(source: Source) {
        coreContext = .init(source: source)
        address = ClientAddress(source.channel.remoteAddress)
        channel = source.channel
    }
}

extension ClientAddress {
    /// The address of a connection's peer.
    init(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            self.init(ipv4: withUnsafeBytes(of: address.address.sin_addr.s_addr) { Array($0) })
        case .v6(let address):
            self.init(ipv6: withUnsafeBytes(of: address.address.sin6_addr) { Array($0) })
        case .unixDomainSocket, nil: self = .local
        }
    }
}
