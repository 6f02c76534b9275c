import NIOCore
import Synchronization

/// Gives a dialer a limited time, whatever it does: an untrusted host may simply never answer.
struct TimedDial: Sendable {
    let dialer: any Dialer
    let timeout: TimeAmount

    func dial(host: String, port: Int, on loop: any EventLoop) async throws -> any Channel {
        let outcome = loop.makePromise(of: (any Channel).self)
        let decision = FirstComer()
        let seconds = timeout.nanoseconds / 1_000_000_000
        let timer = loop.scheduleTask(in: timeout) {
            if decision.claim() { outcome.fail(TimeoutReached(seconds: seconds)) }
        }
        let attempt = Task {
            do {
                let channel = try await dialer.dial(host: host, port: port, on: loop)
                timer.cancel()
                if decision.claim() { outcome.succeed(channel) } else { channel.close(promise: nil) }
            } catch {
                timer.cancel()
                if decision.claim() { outcome.fail(error) }
            }
        }
        return try await withTaskCancellationHandler {
            let channel = try await outcome.futureResult.get()
            try await channel.setOption(.autoRead, value: false).get()
            return channel
        } onCancel: {
            attempt.cancel()
            if decision.claim() { outcome.fail(CancellationError()) }
        }
    }
}

/// Tells the first caller from all later ones.
private final class FirstComer: Sendable {
    private let isTaken = Mutex(false)

    func claim() -> Bool {
        isTaken.withLock { taken in
            defer { taken = true }
            return !taken
        }
    }
}
