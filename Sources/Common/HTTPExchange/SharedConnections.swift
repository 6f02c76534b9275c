import NIOCore
import Synchronization

/// The idle connection and the TLS context that the copies of an exchanger share.
final class SharedConnections: Sendable {
    private struct State {
        var idle: (connection: Connection, since: NIODeadline)?
        var trust: TrustCheck?
    }

    /// A request that must not be sent twice gets no connection that has been idle for longer: the server may be about
    /// to close it.
    private static let freshness: TimeAmount = .seconds(2)
    /// Servers commonly close idle connections after a minute.
    private static let lifetime: TimeAmount = .seconds(30)

    private let state = Mutex(State())

    deinit { state.withLock { $0.idle?.connection.close() } }

    /// Takes the idle connection out, if there is one fit for use.
    func take(evenIfOld: Bool) -> Connection? {
        let now = NIODeadline.now()
        let idle = state.withLock { state in
            defer { state.idle = nil }
            return state.idle
        }
        guard let idle else { return nil }
        guard now - idle.since < (evenIfOld ? Self.lifetime : Self.freshness) else {
            idle.connection.close()
            return nil
        }
        return idle.connection
    }

    /// Keeps a connection for the next exchange.
    func put(_ connection: Connection) {
        let previous = state.withLock { state in
            defer { state.idle = (connection, .now()) }
            return state.idle?.connection
        }
        previous?.close()
    }

    /// The TLS context, made at first use.
    func trust(for endpoint: HTTPEndpoint) throws -> TrustCheck? {
        try state.withLock { state in
            if let trust = state.trust { return trust }
            state.trust = try TrustCheck(endpoint)
            return state.trust
        }
    }
}
