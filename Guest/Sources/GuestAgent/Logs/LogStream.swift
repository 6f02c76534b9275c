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
        let form: LogForm
        /// Made with the first record or when evidence names it, whichever comes first.
        var seal: LogSeal?
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

    /// What evidence names this log's seal by; nothing for a log in clear.
    ///
    /// Nothing is logged before the first evidence unless the start fails before it, so the seal's key is made when the
    /// broker's nonce has been stirred in (rule R16).
    func sealedKeyDigest() throws(EnvelopeError) -> SHA256Digest? {
        try state.withLock { state throws(EnvelopeError) in
            try Self.prepare(&state)
            return state.seal?.keyDigest
        }
    }

    /// Whether the seal's key has been made.
    var hasSeal: Bool { state.withLock { $0.seal != nil } }

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
        // A record that cannot be sealed is left out, never sent in clear.
        guard (try? Self.prepare(&state)) != nil, let sealed = try? state.seal?.seal(record.canonicalBytes) else {
            return
        }
        outbox.send(.sealedLog(sealed.bytes))
    }

    private static func prepare(_ state: inout State) throws(EnvelopeError) {
        guard state.seal == nil, case .sealed(let recipient, let info) = state.form else { return }
        state.seal = try LogSeal(recipient: recipient, info: info)
    }
}
