import Glibc
import NIOCore

/// Where a listener is to be, and what its operator is told when it cannot.
struct ListenerPlace: Sendable {
    /// The member of the configuration that says so.
    let member: String
    let host: String
    let port: Int

    /// What an error of the start means; other errors stay what they are.
    func explained(_ error: any Error) -> any Error {
        guard let error = error as? IOError, let (reason, remedy) = meaning(error.errnoCode) else { return error }
        return BrokerError(
            .failed, check: "listen",
            "cannot listen on \(host):\(port) (`\(member)` of the configuration): \(reason); \(remedy)")
    }

    private func meaning(_ code: Int32) -> (reason: String, remedy: String)? {
        switch code {
        case EADDRINUSE:
            (
                "another program has this port",
                "stop it (`ss -ltnp 'sport = :\(port)'` names it), or choose another port"
            )
        case EACCES:
            ("this account may not use ports below 1024", "choose another port, or give it CAP_NET_BIND_SERVICE")
        case EADDRNOTAVAIL: ("this machine has no such address", "choose one of `ip address`, or 0.0.0.0 for all")
        default: nil
        }
    }
}
