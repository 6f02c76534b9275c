import Glibc

/// Stands before a TCP port of the loopback.
struct Listener {
    let folder: String
    let target: UInt16

    /// Until it is killed.
    func run() throws(RecorderError) {
        let listening = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        let bound = Self.withLoopback(port: 0) { bind(listening, $0, $1) }
        guard listening >= 0, bound == 0, listen(listening, 64) == 0 else {
            throw RecorderError("cannot listen: error \(errno)")
        }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listening, $0, &length) }
        }
        print(UInt16(bigEndian: address.sin_port))
        fflush(nil)
        var relay = Relay()
        var number = 0
        while true {
            guard try relay.step(listening: listening) else { continue }
            let client = accept(listening, nil, nil)
            guard client >= 0 else { continue }
            let server = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            guard Self.withLoopback(port: self.target, { connect(server, $0, $1) }) == 0 else {
                throw RecorderError("nobody listens on \(self.target)")
            }
            number += 1
            try relay.add(client: client, server: server, folder: self.folder, number: number)
        }
    }

    private static func withLoopback(
        port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
