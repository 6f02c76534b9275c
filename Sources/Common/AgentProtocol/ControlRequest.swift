import WireFormat

/// What the host may ask of the guest's agent.
public enum ControlOperation: Equatable, Sendable {
    /// Sets the pod manifest: the exact bytes of the init-data document. Once, and first.
    case latch(initData: [UInt8])
    /// Pulls, opens and runs; answered when the application answers.
    case start
    /// Asks for the state.
    case status
    /// Ends the pod, leaving the application `grace` seconds.
    case stop(grace: Int)
    /// Opens a console; only pods marked as debug have one.
    case debugConsole
    /// Something this version does not know; refused by name.
    case unknown(String)

    /// The name on the wire, which is also the name in `hostOperations` of a manifest.
    public var name: String {
        switch self {
        case .latch: "latch"
        case .start: "start"
        case .status: "status"
        case .stop: "stop"
        case .debugConsole: "debug-console"
        case .unknown(let name): name
        }
    }
}

/// One line from host to guest on the control stream: `{"id":n,"op":...}`.
public struct ControlRequest: Equatable, Sendable {
    /// Chosen by the host; the answer repeats it.
    public let id: Int64
    /// What is asked.
    public let operation: ControlOperation

    /// Creates a request.
    public init(id: Int64, operation: ControlOperation) {
        self.id = id
        self.operation = operation
    }

    /// Parses one line without its newline.
    public init(parsing line: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(line), path: "control request")
        self.id = try fields.integer("id")
        let name = try fields.string("op")
        switch name {
        case "latch":
            let text = try fields.string("initData")
            self.operation = .latch(initData: try Base64.decode(text, field: "control request.initData"))
        case "start": self.operation = .start
        case "status": self.operation = .status
        case "stop":
            let grace = try fields.optionalInteger("grace") ?? 10
            guard (0...600).contains(grace) else {
                throw WireError(field: "control request.grace", reason: "\(grace) is not between 0 and 600 seconds")
            }
            self.operation = .stop(grace: Int(grace))
        case "debug-console": self.operation = .debugConsole
        default:
            self.operation = .unknown(String(name.prefix(64)))
            return
        }
        try fields.finish()
    }

    /// The line to send, with its newline.
    public var line: [UInt8] {
        var object: [String: JSONValue] = ["id": .integer(id), "op": .string(operation.name)]
        switch operation {
        case .latch(let bytes): object["initData"] = .string(Base64.encode(bytes))
        case .stop(let grace): object["grace"] = .integer(Int64(grace))
        case .start, .status, .debugConsole, .unknown: break
        }
        return JSONValue.object(object).canonicalBytes + [0x0a]
    }
}
