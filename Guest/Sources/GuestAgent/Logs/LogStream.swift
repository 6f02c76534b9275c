import AgentProtocol
import Envelope
import Synchronization
import WireFormat

/// The pod's log on its way to the tenant. Records of a confidential pod are sealed, padded, numbered and bound to this
/// start of this pod; a last record closes the log, so that a missing end shows (rule R22).
final class LogStream: Sendable {
    /// Who wrote a line.
    enum Origin: String, Sendable {
        case output = "stdout"
        case errors = "stderr"
        case agent
    }

    private struct State {
        var form: LogForm
        var closed = false
    }

    private let state: Mutex<State>
    private let outbox: EventOutbox
    private let clock: AgentClock

    init(_ form: LogForm, outbox: EventOutbox, clock: AgentClock) {
        state = Mutex(State(form: form))
        self.outbox = outbox
        self.clock = clock
    }

    /// Adds a line. Lines keep their order; after the end they are dropped.
    func add(_ text: String, from origin: Origin) {
        let milliseconds = clock.milliseconds
        state.withLock { state in
            guard !state.closed else { return }
            if case .clear = state.form {
                return outbox.send(.log(origin == .agent ? "testudo: \(text)" : text))
            }
            send(["ms": .integer(milliseconds), "stream": .string(origin.rawValue), "text": .string(text)], &state)
        }
    }

    /// Adds the last record.
    func close() {
        let milliseconds = clock.milliseconds
        state.withLock { state in
            guard !state.closed else { return }
            send(["closed": true, "ms": .integer(milliseconds)], &state)
            state.closed = true
        }
    }

    private func send(_ record: JSONValue, _ state: inout State) {
        guard case .sealed(var seal) = state.form else { return }
        // A record that cannot be sealed is left out, never sent in clear.
        guard let sealed = try? seal.seal(record.canonicalBytes) else { return }
        state.form = .sealed(seal)
        outbox.send(.sealedLog(sealed.bytes))
    }
}
