import NIOCore
import Synchronization

/// Closes connections beyond a number at once, so that whoever only connects takes no more than that many.
final class ConnectionLimit: Sendable {
    private let limit: Int
    private let open = Mutex(0)

    /// Lets `limit` connections be open at a time.
    init(_ limit: Int) { self.limit = limit }

    /// Counts a connection until it closes; one too many is closed.
    func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        let isAdmitted = open.withLock { open in
            guard open < limit else { return false }
            open += 1
            return true
        }
        if isAdmitted {
            channel.closeFuture.whenComplete { _ in self.open.withLock { $0 -= 1 } }
        } else {
            channel.close(promise: nil)
        }
        return channel.eventLoop.makeSucceededVoidFuture()
    }
}
