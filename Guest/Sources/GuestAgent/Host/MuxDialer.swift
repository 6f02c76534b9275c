import HTTPExchange
import NIOCore
import NIOPosix

/// Dials out of the guest through the host's multiplexer. Which places may be reached, the host decides by the pod's
/// manifest; whom one has reached, TLS decides here.
struct MuxDialer: Dialer {
    let pump: MuxPump

    func dial(host: String, port: Int, on loop: any EventLoop) async throws -> any Channel {
        let socket = try pump.open(target: "dial:\(host):\(port)")
        return try await ClientBootstrap(group: loop).channelOption(.autoRead, value: false)
            .withConnectedSocket(socket).get()
    }
}
