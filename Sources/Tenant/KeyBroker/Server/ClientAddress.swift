/// Whom a limit counts: an IPv4 address, or the /64 network of an IPv6 address, which one client owns whole.
struct ClientAddress: Hashable, Sendable {
    private let isIPv4: Bool
    private let bits: UInt64

    private init(isIPv4: Bool, _ bytes: some Sequence<UInt8>) {
        self.isIPv4 = isIPv4
        bits = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// An IPv4 address in network order.
    init(ipv4 bytes: [UInt8]) { self.init(isIPv4: true, bytes.prefix(4)) }

    /// The 16 bytes of an IPv6 address. One that maps an IPv4 address counts as that.
    init(ipv6 bytes: [UInt8]) {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        let isMapped = bytes.count == 16 && Array(bytes.prefix(12)) == mapped
        self.init(isIPv4: isMapped, isMapped ? bytes.suffix(4) : bytes.prefix(8))
    }

    /// Callers without an address (local sockets) count as one.
    static let local = ClientAddress(ipv6: [])
}
