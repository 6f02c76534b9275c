import WireFormat

/// What the guest says on its own accord on the control stream.
public enum GuestEvent: Equatable, Sendable {
    /// A step of the start is done, `milliseconds` after the agent began.
    case phase(Phase, milliseconds: Int64)
    /// The pod failed. A cVM gives no reason (R21).
    case failed(FailureKind, reason: String?)
    /// A log record that only the tenant can open.
    case sealedLog([UInt8])
    /// A line of log in clear, of a pod that is not confidential.
    case log(String)

    /// Reads an event out of a parsed line.
    public init(_ value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "guest event")
        let name = try fields.string("event")
        switch name {
        case "phase":
            let text = try fields.string("name")
            guard let phase = Phase(rawValue: text) else {
                throw WireError(field: "guest event.name", reason: "'\(text.prefix(64))' is not a phase")
            }
            let milliseconds = try fields.integer("ms")
            guard milliseconds >= 0 else { throw WireError(field: "guest event.ms", reason: "it is negative") }
            self = .phase(phase, milliseconds: milliseconds)
        case "failed":
            let text = try fields.string("kind")
            guard let kind = FailureKind(rawValue: text) else {
                throw WireError(field: "guest event.kind", reason: "'\(text.prefix(64))' is not a kind of failure")
            }
            self = .failed(kind, reason: try fields.optionalString("reason"))
        case "log":
            if let record = try fields.optionalString("record") {
                self = .sealedLog(try Base64.decode(record, field: "guest event.record"))
            } else {
                self = .log(try fields.string("text"))
            }
        default:
            throw WireError(field: "guest event.event", reason: "'\(name.prefix(64))' is not an event")
        }
        try fields.finish()
    }

    /// The line to send, with its newline.
    public var line: [UInt8] {
        let object: [String: JSONValue] =
            switch self {
            case .phase(let phase, let milliseconds):
                ["event": "phase", "name": .string(phase.rawValue), "ms": .integer(milliseconds)]
            case .failed(let kind, nil): ["event": "failed", "kind": .string(kind.rawValue)]
            case .failed(let kind, let reason?):
                ["event": "failed", "kind": .string(kind.rawValue), "reason": .string(reason)]
            case .sealedLog(let record): ["event": "log", "record": .string(Base64.encode(record))]
            case .log(let text): ["event": "log", "text": .string(text)]
            }
        return JSONValue.object(object).canonicalBytes + [0x0a]
    }
}

/// Any line from guest to host on the control stream.
public enum GuestMessage: Equatable, Sendable {
    /// The answer to a request.
    case reply(ControlReply)
    /// Something that happened.
    case event(GuestEvent)

    /// Parses one line without its newline.
    public init(parsing line: [UInt8]) throws(WireError) {
        let value = try JSONValue.parse(line)
        self = value["event"] == nil ? .reply(try ControlReply(value)) : .event(try GuestEvent(value))
    }

    /// The line to send, with its newline.
    public var line: [UInt8] {
        switch self {
        case .reply(let reply): reply.line
        case .event(let event): event.line
        }
    }
}
