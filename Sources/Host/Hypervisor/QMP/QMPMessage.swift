import WireFormat

/// One line of QEMU's machine protocol, as QEMU sends it.
public enum QMPMessage: Equatable, Sendable {
    /// The first line, before any command is accepted.
    case greeting(version: String)
    /// A command's result.
    case result(id: Int64?, JSONValue)
    /// A command's refusal.
    case refusal(id: Int64?, kind: String, reason: String)
    /// Something that happened.
    case event(QMPEvent)

    /// Reads one line.
    public init(parsing line: [UInt8]) throws(WireError) {
        let value = try JSONValue.parse(line)
        if let greeting = value["QMP"] {
            let version = greeting["version"]?["qemu"]
            let numbers = ["major", "minor", "micro"].compactMap { version?[$0]?.integerValue }
            guard numbers.count == 3 else { throw WireError(field: "qmp.greeting", reason: "has no version") }
            self = .greeting(version: numbers.map(String.init).joined(separator: "."))
        } else if let result = value["return"] {
            self = .result(id: value["id"]?.integerValue, result)
        } else if let error = value["error"] {
            guard let kind = error["class"]?.stringValue, let reason = error["desc"]?.stringValue else {
                throw WireError(field: "qmp.error", reason: "lacks class or desc")
            }
            self = .refusal(id: value["id"]?.integerValue, kind: kind, reason: reason)
        } else if let name = value["event"]?.stringValue {
            self = .event(QMPEvent(name: name, data: value["data"] ?? .object([:])))
        } else {
            throw WireError(field: "qmp", reason: "is neither greeting, result, error nor event")
        }
    }

    /// A command's line, with its line end.
    ///
    /// - Parameters:
    ///   - command: QEMU's name of it.
    ///   - arguments: Its arguments; an empty object is left out.
    ///   - id: The number the answer carries.
    public static func line(_ command: String, arguments: [String: JSONValue] = [:], id: Int64) -> [UInt8] {
        var fields: [String: JSONValue] = ["execute": .string(command), "id": .integer(id)]
        if !arguments.isEmpty { fields["arguments"] = .object(arguments) }
        return JSONValue.object(fields).canonicalBytes + [UInt8(ascii: "\n")]
    }
}

/// An event of QEMU.
public struct QMPEvent: Equatable, Sendable {
    /// QEMU's name, such as `SHUTDOWN`.
    public let name: String
    /// Its data.
    public let data: JSONValue

    /// Creates an event.
    public init(name: String, data: JSONValue) {
        self.name = name
        self.data = data
    }

    /// Why the machine shuts down, when this is the event that says so.
    public var shutdownCause: MachineExit.Cause? {
        guard self.name == "SHUTDOWN", let reason = self.data["reason"]?.stringValue else { return nil }
        switch reason {
        case "guest-shutdown": return .guestShutdown
        case "guest-reset", "guest-panic": return .guestReset
        case "host-qmp-quit", "host-signal", "host-qmp-system-reset": return .requested
        default: return .died
        }
    }
}

/// Cuts a byte stream into lines, bounded so that a peer cannot make us buffer without end.
public struct LineFraming: Sendable {
    /// The longest line.
    public let limit: Int
    private var pending: [UInt8] = []

    /// Creates the framing.
    public init(limit: Int = 1 << 20) { self.limit = limit }

    /// Takes received bytes and gives the lines that are complete, without line ends; empty lines are dropped.
    public mutating func receive(_ bytes: some Sequence<UInt8>) throws(WireError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if self.pending.last == UInt8(ascii: "\r") { self.pending.removeLast() }
                if !self.pending.isEmpty { lines.append(self.pending) }
                self.pending = []
            } else {
                guard self.pending.count < self.limit else {
                    throw WireError(field: "line", reason: "is longer than \(self.limit) bytes")
                }
                self.pending.append(byte)
            }
        }
        return lines
    }
}
