import CGuest
import NIOCore
import NIOPosix

/// The pod's own network namespace: a loopback device and nothing else. One thread lives in it and makes the agent's
/// connections to the container, so that nothing outside the namespace can reach the container's port (rule R17).
public final class NetworkNamespace: Sendable {
    private let thread: NIOThreadPool
    /// A path under which the runtime can open the namespace as long as this object lives.
    public let path: String
    private let namespace: OpenFile

    private init(thread: NIOThreadPool, namespace: OpenFile, path: String) {
        self.thread = thread
        self.namespace = namespace
        self.path = path
    }

    /// Makes the namespace.
    public static func make(processID: Int32) async throws -> NetworkNamespace {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        let number = try await thread.runIfActive { cg_new_network() }
        let namespace = OpenFile(owning: try SystemFailure.check(number, "make the pod's network"))
        return NetworkNamespace(
            thread: thread, namespace: namespace, path: "/proc/\(processID)/fd/\(namespace.number)")
    }

    /// Connects to a port of the pod. The result is a connected socket that the caller owns, or a negated error number.
    func connect(port: UInt16, on loop: any EventLoop) -> EventLoopFuture<Int32> {
        thread.runIfActive(eventLoop: loop) { cg_connect_loopback(port) }
    }

    /// Whether something accepts connections on a port of the pod.
    public func accepts(port: UInt16) async -> Bool {
        guard let number = try? await thread.runIfActive({ cg_connect_loopback(port) }), number >= 0 else {
            return false
        }
        _ = OpenFile(owning: number)
        return true
    }

    /// Ends the thread.
    public func close() async { try? await thread.shutdownGracefully() }
}
