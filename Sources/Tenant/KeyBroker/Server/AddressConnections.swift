import NIOCore
import Synchronization

/// Closes connections of one address beyond a number at once, so that whoever only connects leaves room for others.
final class AddressConnections: Sendable {
    private let limit: Int
    private let open = Mutex<[ClientAddress: Int]>([:])

    /// Lets each address have `limit` connections at a time.
    init(_ limit: Int) { self.limit = limit }

    /// Counts a connection until it closes; false when it is one too many, and then it is closed.
    func admit(_ channel: any Channel) -> Bool {
        let address = ClientAddress(channel.remoteAddress)
        let isAdmitted = open.withLock { open in
            guard open[address, default: 0] < limit else { return false }
            open[address, default: 0] += 1
            return true
        }
        guard isAdmitted else {
            channel.close(promise: nil)
            return false
        }
        channel.closeFuture.whenComplete { _ in
            self.open.withLock { open in
                // Addresses without a connection are forgotten.
                open[address] = open[address].flatMap { $0 > 1 ? $0 - 1 : nil }
            }
        }
        return true
    }

    /// How many addresses have connections.
    var addresses: Int { open.withLock(\.count) }
}
