import Sandbox
import WireFormat

/// What the node saw of its attack.
struct Verdict: Equatable, Sendable {
    let attack: Attack
    /// False only when the application became ready.
    let refused: Bool
    /// The closed kind of failure; empty when there was none.
    let check: String
    let reason: String

    /// The application runs: nothing refused.
    static func ready(_ attack: Attack) -> Verdict {
        Verdict(attack: attack, refused: false, check: "", reason: "the application became ready")
    }

    /// The pod did not start.
    ///
    /// - Returns: nil when this machine could not play the attack at all, which refutes nothing.
    static func failed(_ attack: Attack, _ failure: SandboxFailure, outOfTime: Bool) -> Verdict? {
        if outOfTime {
            return Verdict(
                attack: attack, refused: true, check: SandboxFailure.Kind.timedOut.rawValue,
                reason: "the application was not ready in time")
        }
        switch failure.kind {
        case .launchFailed, .nodeFull, .classUnavailable, .notRegistered, .stopped: return nil
        case .unreachable, .keyReleaseDenied, .imageRefused, .guestFailed, .exited, .timedOut:
            let reason = failure.reason.isEmpty ? "the guest tells its host this word and no reason" : failure.reason
            return Verdict(attack: attack, refused: true, check: failure.kind.rawValue, reason: reason)
        }
    }

    /// One line for the program that started this one.
    var line: String {
        JSONValue.object([
            "attack": .string(self.attack.rawValue), "refused": .bool(self.refused), "check": .string(self.check),
            "reason": .string(self.reason),
        ]).canonicalText
    }
}
