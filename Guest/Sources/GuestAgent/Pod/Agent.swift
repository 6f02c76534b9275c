import AgentProtocol
import CGuest
import CLinux
import Glibc
import NIOCore
import NIOPosix

/// The agent's program: finds its surroundings, joins the host's multiplexer, and serves until told to stop.
public enum Agent {
    /// Runs the agent with the arguments after the program's name. Does not return.
    ///
    /// The main thread starts everything and then sleeps. An asynchronous `main` would end it instead, and glibc unwinds
    /// a thread that ends: in a static program that sorts the tables of all functions first, 330 million instructions on
    /// the one processor of a machine that is starting.
    public static func main(arguments: [String]) -> Never {
        let clock = AgentClock()
        do {
            let configuration = try AgentConfiguration(arguments: arguments)
            try run(configuration, clock)
        } catch {
            complain("testudo: the agent did not start: \(error)\n")
            leave(arguments.isEmpty ? .machine : .host(descriptor: -1))
        }
        while true { pause() }
    }

    private static func run(_ configuration: AgentConfiguration, _ clock: AgentClock) throws {
        let place = configuration.place
        let signals = OpenFile(owning: try SystemFailure.check(cg_catch_end_signals(), "catch signals"))
        let isMachine = place == .machine
        let wire = try openWire(place)
        let device = isMachine ? try ReportDevice.find() : nil
        if device != nil { try Entropy.check() }
        guard let runtime = ContainerProcess.findRuntime(configuration.runtimes) else {
            throw EvidenceFailure("there is no OCI runtime (\(configuration.runtimes.joined(separator: ", ")))")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let pump = try MuxPump()
        let outbox = EventOutbox()
        let gate = IngressGate()
        let agent = PodAgent(
            latch: Latch(machine: isMachine ? (device == nil ? .plain : .confidential) : .host),
            environment: PodRun.Environment(
                clock: clock, outbox: outbox, dialer: MuxDialer(pump: pump), loop: loop, device: device,
                state: configuration.state, runtime: runtime, imageLimit: imageLimit(isMachine),
                leavesTraces: !isMachine),
            gate: gate
        ) { leave(place) }
        try pump.start(wire: wire.file) { target in
            switch target {
            case "control":
                .take { socket in
                    _ = wire  // keeps the port's threads alive
                    ClientBootstrap(group: loop).channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                ControlHandler(outbox: outbox) { await agent.serve($0) })
                        }
                    }.withConnectedSocket(socket).whenFailure { _ in }
                }
            case "tls", "http": gate.decide(secure: target == "tls")
            default: .refuse("this agent has no \"\(target.prefix(64))\"")
            }
        } ended: { reason in
            complain("testudo: the link to the host ended: \(reason)\n")
            Task { await agent.abandon() }
        }
        if !isMachine { endOnSignal(signals) { await agent.abandon() } }
        outbox.send(.phase(.agent, milliseconds: clock.milliseconds))
    }

    /// The byte stream to the host, and what keeps it going.
    private struct Wire: Sendable {
        let file: OpenFile
        let bridge: PortBridge?
    }

    private static func openWire(_ place: AgentConfiguration.Place) throws -> Wire {
        switch place {
        case .host(let descriptor):
            try SystemFailure.check(cg_set_nonblocking(descriptor), "prepare the inherited socket")
            return Wire(file: OpenFile(owning: descriptor), bridge: nil)
        case .machine:
            guard let device = VirtioPorts.wait(for: VirtioPorts.agent, milliseconds: 5000) else {
                throw EvidenceFailure("there is no port \(VirtioPorts.agent)")
            }
            let bridge = try PortBridge(device: device)
            return Wire(file: bridge.socket, bridge: bridge)
        }
    }

    /// In a machine the image lives in its memory: three quarters at most. On a host the disk is the limit.
    private static func imageLimit(_ isMachine: Bool) -> Int64 {
        guard isMachine else { return 32 << 30 }
        let pages = Int64(sysconf(Int32(_SC_PHYS_PAGES)))
        return pages * Int64(sysconf(Int32(_SC_PAGESIZE))) / 4 * 3
    }

    private static func leave(_ place: AgentConfiguration.Place) {
        guard place == .machine, getpid() == 1 else { exit(0) }
        let code = cl_reboot(0)
        complain("testudo: power off failed: \(code)\n")
    }

    private static func endOnSignal(
        _ signals: OpenFile, _ end: @escaping @Sendable () async -> Void
    ) {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        thread.submit { _ in
            _ = try? signals.readSome(limit: 1)
            Task { await end() }
        }
    }

    private static func complain(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(2, bytes, bytes.count)
    }
}
