import AgentProtocol
import Envelope
import NIOCore
import PodManifest
import WireFormat

/// The agent's one decision maker: what the host asks goes through here and is checked against the latched manifest.
actor PodAgent {
    private enum Stage {
        case idle
        case starting
        case running(PodRun)
        case ended(FailureKind?)
    }

    private var latch: Latch
    private var stage = Stage.idle
    private var checked = false
    /// The run of this agent, from its beginning.
    private var current: PodRun?
    private let environment: PodRun.Environment
    private let gate: IngressGate
    /// Ends the machine or the process.
    private let leave: @Sendable () -> Void

    init(latch: Latch, environment: PodRun.Environment, gate: IngressGate, leave: @escaping @Sendable () -> Void) {
        self.latch = latch
        self.environment = environment
        self.gate = gate
        self.leave = leave
    }

    /// Serves one request of the host.
    func serve(_ request: ControlRequest) async -> ControlReply {
        do throws(ControlRefusal) {
            return ControlReply(id: request.id, outcome: .success(try await perform(request.operation)))
        } catch {
            return ControlReply(id: request.id, outcome: .failure(error))
        }
    }

    private func perform(_ operation: ControlOperation) async throws(ControlRefusal) -> JSONValue {
        if case .latch(let bytes) = operation { return try await set(bytes) }
        let pod = try latch.permit(operation)
        switch operation {
        case .latch: throw ControlRefusal(kind: .badRequest, reason: "latch comes first")
        case .start: return try await start(pod)
        case .status: return status
        case .stop(let grace): return await stop(grace: grace)
        case .debugConsole, .unknown:
            throw ControlRefusal(kind: .notAllowed, reason: "this agent has no \"\(operation.name)\"")
        }
    }

    private func set(_ bytes: [UInt8]) async throws(ControlRefusal) -> JSONValue {
        let pod = try latch.set(bytes)
        if let device = environment.device, !checked {
            // Before anything else is done for the pod: was this machine launched for it (rule R3)?
            do { try await PodRun.checkLaunch(pod, device: device) } catch {
                // The tenant whose manifest was misused may know why; to the host it is a failed guest.
                throw failed(error, pod, log: (try? PodRun(pod: pod, environment: environment))?.log)
            }
            checked = true
        }
        return [
            "digest": .string(pod.digest.hex), "technology": .string(environment.device?.technology.rawValue ?? "none"),
        ]
    }

    private func start(_ pod: Latch.Pod) async throws(ControlRefusal) -> JSONValue {
        guard case .idle = stage else {
            throw ControlRefusal(kind: .badRequest, reason: "the pod has been started already")
        }
        guard environment.device == nil || checked else {
            throw ControlRefusal(kind: .notLatched, reason: "the machine's launch has not been checked")
        }
        stage = .starting
        let run: PodRun
        do { run = try PodRun(pod: pod, environment: environment) } catch {
            throw failed(error, pod, log: nil)
        }
        current = run
        do { try await run.start() } catch { throw failed(error, pod, log: run.log) }
        guard case .starting = stage else {
            throw ControlRefusal(kind: .badRequest, reason: "the pod was stopped while it started")
        }
        stage = .running(run)
        gate.open(run)
        Task { [weak self] in
            let reason = await run.waitForEnd()
            await self?.ended(run, reason)
        }
        return ["ms": .integer(environment.clock.milliseconds)]
    }

    private var status: JSONValue {
        switch stage {
        case .idle: ["state": "latched"]
        case .starting: ["state": "starting"]
        case .running: ["state": "running"]
        case .ended(let kind): ["state": "ended", "failure": kind.map { .string($0.rawValue) } ?? .null]
        }
    }

    private func stop(grace: Int) async -> JSONValue {
        if case .running(let run) = stage {
            stage = .ended(nil)
            gate.close()
            await run.stop(grace: grace)
            run.log.close()
        } else {
            stage = .ended(nil)
        }
        leaveSoon()
        return [:]
    }

    /// Ends the pod without asking it, when nobody is left who could.
    func abandon() async {
        stage = .ended(nil)
        gate.close()
        await current?.kill()
        current?.cleanUp()
        leave()
    }

    private func ended(_ run: PodRun, _ reason: String) async {
        guard case .running = stage else { return }
        end(Failure(.exited, reason), run.pod, log: run.log)
    }

    private func end(_ failure: Failure, _ pod: Latch.Pod, log: LogStream?) {
        stage = .ended(failure.kind)
        gate.close()
        log?.add(failure.description, from: .agent)
        log?.close()
        environment.outbox.send(.failed(failure.kind, reason: pod.isConfidential ? nil : failure.reason))
        leaveSoon()
    }

    private func failed(_ error: any Error, _ pod: Latch.Pod, log: LogStream?) -> ControlRefusal {
        let failure = Failure(error, fallback: .guestFailed)
        end(failure, pod, log: log)
        return ControlRefusal(kind: .failure(failure.kind), reason: pod.isConfidential ? "" : failure.reason)
    }

    /// Leaves the host a moment to read what was sent last.
    private func leaveSoon() {
        let leave = leave
        let run = current
        Task {
            await run?.kill()
            run?.cleanUp()
            try? await Task.sleep(for: .milliseconds(300))
            leave()
        }
    }
}
