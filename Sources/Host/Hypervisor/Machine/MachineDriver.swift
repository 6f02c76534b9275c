import Evidence
import Glibc

/// Starts machines of one kind.
public protocol MachineDriver: Sendable {
    /// Starts a machine and returns once its processes run and its monitor answers; the guest may still be booting.
    ///
    /// - Parameter plan: What to start; descriptors in it stay the caller's.
    /// - Returns: The running machine; the caller ends it with ``RunningMachine/terminate(grace:)``.
    /// - Throws: ``MachineError``; nothing is left running then.
    func launch(_ plan: LaunchPlan) async throws(MachineError) -> any RunningMachine
}

/// A machine whose processes were started.
public protocol RunningMachine: AnyObject, Sendable {
    /// Which security processor stands behind it.
    var technology: Technology { get }

    /// What runs its instructions.
    var accelerator: Accelerator { get }

    /// Every process of the machine, for accounting (QEMU, and the simulated security processor where there is one).
    var processes: [pid_t] { get }

    /// Hands over the connected stream to the agent's port, once; the caller closes it.
    ///
    /// - Returns: A stream socket, or nil when it was taken before.
    func takeAgentSocket() -> CInt?

    /// Waits until the machine's processes are gone; at once when they are already.
    func exit() async -> MachineExit

    /// Ends the machine: asks, then SIGTERM, then SIGKILL; returns when its processes are gone.
    ///
    /// - Parameter grace: How long SIGTERM may take before SIGKILL follows.
    func terminate(grace: Duration) async
}

/// How a machine ended.
public struct MachineExit: Sendable, Equatable, CustomStringConvertible {
    /// Who or what ended it, as the monitor and the process status tell.
    public enum Cause: String, Sendable, Equatable {
        /// The guest powered off.
        case guestShutdown = "guest-shutdown"
        /// The guest reset, which ends the machine too; a panic of the guest's kernel looks like this.
        case guestReset = "guest-reset"
        /// The node asked for it.
        case requested
        /// The machine's process died without being asked.
        case died
    }

    /// The cause.
    public let cause: Cause
    /// The exit code of the process, or nil when a signal ended it.
    public let code: CInt?
    /// The signal that ended the process, if one did.
    public let signal: CInt?
    /// What the process said last on its error stream; host text, never the guest's.
    public let detail: String

    /// Creates a record of an end.
    public init(cause: Cause, code: CInt?, signal: CInt?, detail: String = "") {
        self.cause = cause
        self.code = code
        self.signal = signal
        self.detail = detail
    }

    /// One line for logs.
    public var description: String {
        let how = self.signal.map { "signal \($0)" } ?? "exit code \(self.code ?? -1)"
        return self.detail.isEmpty
            ? "\(self.cause.rawValue) (\(how))" : "\(self.cause.rawValue) (\(how)): \(self.detail)"
    }
}

/// A failure to start or to steer a machine.
///
/// Branch on ``code``; ``message`` names what was attempted on what and how to mend it.
public struct MachineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: String, Sendable, Equatable {
        /// The plan asks for something impossible.
        case invalidPlan
        /// A program, file or device that is needed is missing or may not be used.
        case missing
        /// The machine's process could not be started or ended while starting.
        case launchFailed
        /// The monitor did not answer as it should.
        case monitor
    }

    /// The kind.
    public let code: Code
    /// The sentence for people.
    public let message: String

    /// Creates a failure.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The sentence for people.
    public var description: String { self.message }
}
