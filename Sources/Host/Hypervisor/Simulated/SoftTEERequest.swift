import Glibc
import WireFormat

/// What the node asks of a simulated security processor: one machine. There is no request for a report.
///
/// It travels as one JSON line; with its first byte travel the descriptors, in this order: agent's stream, firmware,
/// kernel, initial RAM disk, and the console file when ``hasConsole``.
public struct SoftTEERequest: Sendable, Equatable {
    /// A short name for logs.
    public var name: String
    /// The kernel's command line.
    public var commandLine: String
    /// Virtual processors.
    public var vcpus: Int
    /// Guest memory in MiB.
    public var memoryMiB: Int
    /// What runs the guest's instructions.
    public var accelerator: Accelerator
    /// The 32 bytes of HOST_DATA.
    public var hostData: [UInt8]
    /// Whether a console descriptor follows the four others.
    public var hasConsole: Bool

    /// The request for a plan.
    public init(_ plan: LaunchPlan) {
        self.name = plan.name
        self.commandLine = plan.commandLine
        self.vcpus = plan.vcpus
        self.memoryMiB = plan.memoryMiB
        self.accelerator = plan.accelerator
        self.hostData = plan.hostData.isEmpty ? [UInt8](repeating: 0, count: 32) : plan.hostData
        self.hasConsole = plan.consolePath != nil
    }

    /// Reads a request line.
    public init(parsing line: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(line), path: "launch")
        guard try fields.string("op") == "launch" else {
            throw WireError(field: "launch.op", reason: "the only request is launch")
        }
        self.name = try fields.string("name")
        self.commandLine = try fields.string("commandLine")
        self.vcpus = Int(try fields.integer("vcpus"))
        self.memoryMiB = Int(try fields.integer("memoryMiB"))
        guard let accelerator = Accelerator(rawValue: try fields.string("accelerator")) else {
            throw WireError(field: "launch.accelerator", reason: "is neither kvm nor tcg")
        }
        self.accelerator = accelerator
        self.hostData = try Hex.decode(try fields.string("hostData"), field: "launch.hostData")
        self.hasConsole = try fields.bool("console", default: false)
        try fields.finish()
    }

    /// The request's line, with its line end.
    public var line: [UInt8] {
        let value: JSONValue = .object([
            "op": .string("launch"), "name": .string(self.name), "commandLine": .string(self.commandLine),
            "vcpus": .integer(Int64(self.vcpus)), "memoryMiB": .integer(Int64(self.memoryMiB)),
            "accelerator": .string(self.accelerator.rawValue), "hostData": .string(Hex.encode(self.hostData)),
            "console": .bool(self.hasConsole),
        ])
        return value.canonicalBytes + [UInt8(ascii: "\n")]
    }

    /// The plan that QEMU's arguments are built from; the files are named by the arguments, not by the plan.
    public func plan(firmware: CInt, kernel: CInt, initrd: CInt) -> LaunchPlan {
        LaunchPlan(
            name: self.name, firmware: .descriptor(firmware), kernel: .descriptor(kernel), initrd: .descriptor(initrd),
            commandLine: self.commandLine, vcpus: self.vcpus, memoryMiB: self.memoryMiB, accelerator: self.accelerator,
            technology: .softSNP, hostData: self.hostData)
    }

    /// Refuses what cannot be launched, naming the field.
    public func validate() throws(MachineError) {
        guard self.hostData.count == 32 else {
            throw MachineError(.invalidPlan, "\(self.name): hostData has \(self.hostData.count) bytes, not 32")
        }
        try self.plan(firmware: -1, kernel: -1, initrd: -1).validate()
    }
}

/// What a simulated security processor tells the node: the life of its machine, never a report.
public enum SoftTEEEvent: Sendable, Equatable {
    /// QEMU runs from the measured copies.
    case started(qemu: pid_t, measurement: String)
    /// Nothing was started.
    case failed(reason: String)
    /// QEMU is gone.
    case ended(MachineExit)

    /// Reads an event line.
    public init(parsing line: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(line), path: "event")
        switch try fields.string("event") {
        case "started":
            self = .started(
                qemu: pid_t(clamping: try fields.integer("qemu")), measurement: try fields.string("measurement"))
            guard try fields.bool("simulated", default: false) else {
                throw WireError(field: "event.simulated", reason: "a simulated processor must say that it is one")
            }
        case "failed": self = .failed(reason: try fields.string("reason"))
        case "ended":
            guard let cause = MachineExit.Cause(rawValue: try fields.string("cause")) else {
                throw WireError(field: "event.cause", reason: "is not known")
            }
            self = .ended(
                MachineExit(
                    cause: cause, code: try fields.optionalInteger("code").map { CInt(clamping: $0) },
                    signal: try fields.optionalInteger("signal").map { CInt(clamping: $0) },
                    detail: try fields.string("detail")))
        case let name: throw WireError(field: "event", reason: "\(name) is not known")
        }
        try fields.finish()
    }

    /// The event's line, with its line end.
    public var line: [UInt8] {
        var fields: [String: JSONValue]
        switch self {
        case .started(let qemu, let measurement):
            fields = [
                "event": "started", "qemu": .integer(Int64(qemu)), "measurement": .string(measurement),
                "simulated": true,
            ]
        case .failed(let reason): fields = ["event": "failed", "reason": .string(reason)]
        case .ended(let exit):
            fields = ["event": "ended", "cause": .string(exit.cause.rawValue), "detail": .string(exit.detail)]
            if let code = exit.code { fields["code"] = .integer(Int64(code)) }
            if let signal = exit.signal { fields["signal"] = .integer(Int64(signal)) }
        }
        return JSONValue.object(fields).canonicalBytes + [UInt8(ascii: "\n")]
    }
}
