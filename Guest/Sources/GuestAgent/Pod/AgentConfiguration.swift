/// How the agent was started.
public struct AgentConfiguration: Equatable, Sendable {
    /// Where it runs.
    public enum Place: Equatable, Sendable {
        /// As the first process of a virtual machine.
        case machine
        /// As a process of the host, for the class `testudo-runc`: the multiplexer is an inherited file.
        case host(descriptor: Int32)
    }

    /// Where it runs.
    public var place: Place
    /// The folder for bundles.
    public var state: String
    /// Programs that may serve as OCI runtime, best first.
    public var runtimes: [String]

    /// Reads the arguments after the program's name.
    public init(arguments: [String]) throws(ArgumentError) {
        place = .machine
        state = "/run/testudo"
        runtimes = ["/usr/bin/crun"]
        var rest = arguments[...]
        var descriptor: Int32?
        var isHost = false
        while let argument = rest.popFirst() {
            switch argument {
            case "--host-runc": isHost = true
            case "--fd":
                guard let value = rest.popFirst(), let number = Int32(value), number > 2 else {
                    throw ArgumentError("--fd needs the number of an open file")
                }
                descriptor = number
            case "--state":
                guard let value = rest.popFirst(), value.hasPrefix("/") else {
                    throw ArgumentError("--state needs an absolute path")
                }
                state = value
            default: throw ArgumentError("unknown argument \(argument)")
            }
        }
        guard isHost else {
            guard descriptor == nil else { throw ArgumentError("--fd goes with --host-runc") }
            return
        }
        guard let descriptor else { throw ArgumentError("--host-runc needs --fd") }
        place = .host(descriptor: descriptor)
        runtimes = ["/usr/sbin/runc", "/usr/bin/runc", "/usr/bin/crun"]
    }

    /// Arguments that make no sense.
    public struct ArgumentError: Error, Equatable, CustomStringConvertible {
        /// What is wrong.
        public let description: String

        init(_ description: String) { self.description = description }
    }
}
