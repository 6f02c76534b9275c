import AgentProtocol
import WireFormat

/// When one start reached each phase, in milliseconds of a monotonic clock since the request for it.
public struct Timeline: Equatable, Sendable {
    /// The phases of a start, in order.
    public enum Phase: String, Sendable, CaseIterable {
        /// A place on the node was found.
        case schedule
        /// QEMU or the agent's process runs.
        case vm
        /// The agent spoke for the first time.
        case kernel
        /// The agent is ready for the manifest.
        case agent
        /// The key broker accepted the evidence.
        case attest
        /// The keys were released.
        case key
        /// The image was pulled, checked and opened.
        case image
        /// The container runs.
        case container
        /// The application answers.
        case app
    }

    /// One phase and its end.
    public struct Mark: Equatable, Sendable {
        /// The phase.
        public let phase: Phase
        /// Milliseconds since the start was asked for.
        public let milliseconds: Double
    }

    /// The phases reached so far.
    public private(set) var marks: [Mark] = []
    private let origin: ContinuousClock.Instant

    /// Begins a timeline at `origin`.
    public init(origin: ContinuousClock.Instant = .now) { self.origin = origin }

    /// Records that `phase` ended now; only the first end of a phase counts.
    public mutating func mark(_ phase: Phase, at instant: ContinuousClock.Instant = .now) {
        guard !self.marks.contains(where: { $0.phase == phase }) else { return }
        let elapsed = (instant - self.origin).components
        let milliseconds = Double(elapsed.seconds) * 1000 + Double(elapsed.attoseconds) / 1e15
        self.marks.append(Mark(phase: phase, milliseconds: (milliseconds * 100).rounded() / 100))
    }

    /// `[{"phase":..,"ms":..}]`.
    public var json: JSONValue {
        .array(self.marks.map { .object(["phase": .string($0.phase.rawValue), "ms": .number($0.milliseconds)]) })
    }
}

extension Timeline.Phase {
    /// The phase that a guest reported.
    init(_ phase: AgentProtocol.Phase) {
        switch phase {
        case .agent: self = .agent
        case .attest: self = .attest
        case .key: self = .key
        case .image: self = .image
        case .container: self = .container
        case .app: self = .app
        }
    }
}
