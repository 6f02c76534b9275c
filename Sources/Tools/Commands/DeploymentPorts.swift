import Foundation

/// A port of a deployment, under the option of `testudo up` that chooses it.
struct DeploymentPort: Sendable {
    let option: String
    /// Who listens there, in words.
    let listener: String
    /// The process that listens there, by its name in ``LocalStack/names``.
    let part: String
    let number: Int

    static func all(of settings: Settings) -> [DeploymentPort] {
        [
            DeploymentPort(
                option: "--registry-port", listener: "the registry", part: "registry", number: settings.registryPort),
            DeploymentPort(
                option: "--broker-port", listener: "the key broker", part: "broker", number: settings.brokerPort),
            DeploymentPort(option: "--node-port", listener: "the node's API", part: "node", number: settings.nodePort),
            DeploymentPort(option: "--tls-port", listener: "the TLS gateway", part: "node", number: settings.tlsPort),
            DeploymentPort(
                option: "--http-port", listener: "the plain HTTP gateway", part: "node", number: settings.httpPort),
        ]
    }

    /// Refuses ports that nobody can listen at, before anything is started there: all of them at once.
    ///
    /// - Parameter isRunning: Whether a part runs, which then has its port itself.
    static func check(_ settings: Settings, isRunning: (String) -> Bool) throws {
        let ports = all(of: settings)
        var faults: [String] = []
        for (index, port) in ports.enumerated() {
            if !(1...65_535).contains(port.number) {
                faults.append("\(port.option) \(port.number) is no port from 1 to 65535")
            } else if let other = ports[..<index].first(where: { $0.number == port.number }) {
                faults.append("\(port.option) and \(other.option) are both \(port.number)")
            } else if !isRunning(port.part), let reason = port.obstacle {
                faults.append("\(port.option) \(port.number) (\(port.listener)) \(reason)")
            }
        }
        guard !faults.isEmpty else { return }
        throw CommandFailure(
            "the deployment cannot have these ports: \(faults.joined(separator: "; "))",
            hint: "name free ports with these options, or end what has them (`ss -ltnp` shows it)", status: 2)
    }

    /// Why nobody can listen there now; nil where that can be.
    private var obstacle: String? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // As servers do it: connections of before that linger are no obstacle.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(number).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound != 0 else { return nil }
        switch errno {
        case EADDRINUSE: return "is taken by another program"
        case EACCES: return "is not for this account"
        default: return "cannot be had: \(String(cString: strerror(errno)))"
        }
    }
}
