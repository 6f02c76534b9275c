/// Why a pod did not start or stopped by itself.
///
/// The first five kinds are all that a confidential guest tells its host (rule R21); the others are the host's own.
public struct SandboxFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The closed list of kinds.
    public enum Kind: String, Sendable, CaseIterable {
        /// The guest could not reach the key broker or the registry.
        case unreachable = "Unreachable"
        /// The key broker released no key to this guest.
        case keyReleaseDenied = "KeyReleaseDenied"
        /// The image, its encryption or its signature is not what the manifest asks for.
        case imageRefused = "ImageRefused"
        /// The guest's own software failed.
        case guestFailed = "GuestFailed"
        /// The application or the machine ended.
        case exited = "Exited"
        /// The machine or process could not be started.
        case launchFailed = "LaunchFailed"
        /// Nothing answered in time.
        case timedOut = "TimedOut"
        /// The node has no room for another instance.
        case nodeFull = "NodeFull"
        /// This node cannot run the pod's class.
        case classUnavailable = "ClassUnavailable"
        /// The manifest's digest is not registered with its key broker.
        case notRegistered = "ManifestNotRegistered"
        /// The pod was stopped on purpose, or its Service is gone.
        case stopped = "Stopped"
    }

    /// The kind of failure.
    public let kind: Kind
    /// What failed and, where it helps, what to do. Never text of a confidential guest.
    public let reason: String

    /// Creates a failure.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// Kind and reason in one line.
    public var description: String {
        self.reason.isEmpty ? self.kind.rawValue : "\(self.kind.rawValue): \(self.reason)"
    }
}
