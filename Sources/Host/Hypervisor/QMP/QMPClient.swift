import NIOCore
import NIOPosix
import WireFormat

/// Steers one QEMU over its machine protocol.
///
/// Every command has a deadline, and answers are bounded. When QEMU goes away all who wait fail at once.
public final class QMPClient: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<QMPHandler>
    /// QEMU's version as its greeting tells.
    public let version: String

    private init(channel: any Channel, handler: NIOLoopBound<QMPHandler>, version: String) {
        self.channel = channel
        self.handler = handler
        self.version = version
    }

    /// What must be written into QEMU's end of the socket before QEMU starts.
    ///
    /// Events flow only after this negotiation. Sent ahead, no event is missed, however short the machine lives and
    /// however late we come to read.
    public static let opening = QMPMessage.line("qmp_capabilities", id: 0)

    /// Opens the conversation on a socket that ``opening`` was written to: waits until the machine is complete.
    ///
    /// - Parameters:
    ///   - descriptor: A connected socket; it belongs to the client from here on, also on failure.
    ///   - timeout: How long that may take.
    ///   - group: Where the connection lives.
    ///   - onEvent: Called on the event loop for each event.
    public static func connect(
        descriptor: CInt, timeout: Duration, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onEvent: @escaping @Sendable (QMPEvent) -> Void = { _ in }
    ) async throws(MachineError) -> QMPClient {
        let loop = group.next()
        let ready = loop.makePromise(of: String.self)
        let limit = TimeAmount(timeout)
        let channel: any Channel
        let bound: NIOLoopBound<QMPHandler>
        do {
            (channel, bound) = try await loop.flatSubmit {
                let bound = NIOLoopBound(QMPHandler(ready: ready, onEvent: onEvent), eventLoop: loop)
                return ClientBootstrap(group: loop)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(bound.value)
                        }
                    }
                    .withConnectedSocket(descriptor)
                    .map { ($0, bound) }
            }.get()
        } catch {
            let failure = MachineError(.monitor, "cannot use the monitor's socket: \(error)")
            ready.fail(failure)
            throw failure
        }
        let alarm = loop.scheduleTask(in: limit) {
            ready.fail(MachineError(.monitor, "QEMU's monitor was not ready within \(timeout)"))
        }
        do {
            let version = try await ready.futureResult.get()
            alarm.cancel()
            return QMPClient(channel: channel, handler: bound, version: version)
        } catch {
            alarm.cancel()
            channel.close(promise: nil)
            throw error as? MachineError ?? MachineError(.monitor, "the monitor failed: \(error)")
        }
    }

    /// Runs a command.
    ///
    /// - Parameters:
    ///   - command: QEMU's name of it.
    ///   - arguments: Its arguments.
    ///   - timeout: How long the answer may take.
    /// - Returns: What QEMU returned.
    public func execute(
        _ command: String, arguments: [String: JSONValue] = [:], timeout: Duration = .seconds(5)
    ) async throws(MachineError) -> JSONValue {
        let limit = TimeAmount(timeout)
        let (handler, channel) = (self.handler, self.channel)
        do {
            return try await channel.eventLoop.flatSubmit {
                handler.value.execute(command, arguments, timeout: limit, channel: channel)
            }.get()
        } catch {
            throw error as? MachineError ?? MachineError(.monitor, "\(command) failed: \(error)")
        }
    }

    /// The machine's run state, such as `running`.
    public func status() async throws(MachineError) -> String {
        guard let status = try await self.execute("query-status")["status"]?.stringValue else {
            throw MachineError(.monitor, "query-status answered without a status")
        }
        return status
    }

    /// Presses the power button; the guest may ignore it.
    public func powerDown() async throws(MachineError) { _ = try await self.execute("system_powerdown") }

    /// Ends QEMU.
    public func quit() async throws(MachineError) { _ = try await self.execute("quit", timeout: .seconds(2)) }

    /// Returns when QEMU's end of the connection is closed and every event it sent was delivered.
    public func closed() async { try? await self.channel.closeFuture.get() }

    /// Closes our end.
    public func close() { self.channel.close(promise: nil) }
}
