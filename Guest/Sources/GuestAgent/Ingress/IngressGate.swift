import Synchronization

/// Decides on the multiplexer's thread whether a connection may come in, and hands it to the running pod.
final class IngressGate: Sendable {
    private let run = Mutex<PodRun?>(nil)

    /// Opens the gate to a pod that is up.
    func open(_ run: PodRun) { self.run.withLock { $0 = run } }

    /// Closes it.
    func close() { run.withLock { $0 = nil } }

    /// What becomes of a connection for TLS (`secure`) or in clear. Plain text needs the manifest's leave (rule R17).
    func decide(secure: Bool) -> MuxPump.Decision {
        guard let run = run.withLock({ $0 }), let ingress = run.ingress else {
            return .refuse("the application is not up")
        }
        if secure {
            guard let identity = run.identity else { return .refuse("this pod has no TLS") }
            return .take { ingress.acceptTLS($0, identity: identity) }
        }
        guard run.pod.manifest.network.plaintext else { return .refuse("the pod's manifest does not allow plain text") }
        return .take { ingress.acceptPlain($0) }
    }
}
