/// Why a root key or a counter cannot be used: what happened, why, and what the operator does next.
///
/// No text ever holds a key, a PIN or what a device answered in secret.
public struct RootKeyFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The classes of failure, which audit lines say by name.
    public enum Code: String, Sendable {
        /// The configuration or a request cannot be right.
        case configuration
        /// A file can be read by others, or is not the broker's own.
        case permissions
        /// A file, program, device, token or key is not there.
        case missing
        /// Something exists already and is not replaced.
        case exists
        /// A file or a wrapped key was cut, lengthened or changed, or is of another format.
        case damaged
        /// The wrapped key belongs to another root key.
        case otherKey = "other-key"
        /// The counter belongs to another store.
        case otherStore = "other-store"
        /// The device is not the one that the key was made on.
        case otherDevice = "other-device"
        /// The platform booted other software than the key is sealed to.
        case platformChanged = "platform-changed"
        /// A PIN or an authorisation was wrong.
        case credential
        /// The device refused or failed.
        case refused
        /// The device did not answer in time.
        case timedOut = "timed-out"
        /// A counter has a lower value than it had.
        case wentBack = "went-back"
    }

    /// The class of the failure.
    public let code: Code
    /// Which kind of root key or counter failed.
    public let kind: String
    /// What happened.
    public let event: String
    /// Why, as far as it is known.
    public let reason: String
    /// What the operator does next.
    public let remedy: String

    /// Creates a failure.
    public init(_ code: Code, kind: String, _ event: String, because reason: String, remedy: String) {
        self.code = code
        self.kind = kind
        self.event = event
        self.reason = reason
        self.remedy = remedy
    }

    /// All of it in one line.
    public var description: String { "\(kind) [\(code.rawValue)]: \(event): \(reason); \(remedy)" }
}
