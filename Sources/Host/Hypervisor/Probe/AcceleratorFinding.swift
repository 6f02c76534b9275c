import WireFormat

/// Which accelerator a node uses, and why.
public struct AcceleratorFinding: Sendable, Equatable, CustomStringConvertible {
    /// What to start machines with.
    public let accelerator: Accelerator
    /// The reason, for people.
    public let reason: String
    /// Whether an earlier probe found it out.
    public let isRemembered: Bool

    /// Creates a finding.
    public init(accelerator: Accelerator, reason: String, isRemembered: Bool = false) {
        self.accelerator = accelerator
        self.reason = reason
        self.isRemembered = isRemembered
    }

    /// One line for logs.
    public var description: String {
        "\(self.accelerator.rawValue): \(self.reason)\(self.isRemembered ? " (remembered)" : "")"
    }

    /// Reads a remembered finding; nil when it was made for other circumstances.
    init?(parsing bytes: [UInt8], fingerprint: String) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(bytes), path: "accelerator")
        let known = try fields.string("fingerprint")
        let name = try fields.string("accelerator")
        let reason = try fields.string("reason")
        try fields.finish()
        guard let accelerator = Accelerator(rawValue: name) else {
            throw WireError(field: "accelerator.accelerator", reason: "is neither kvm nor tcg")
        }
        guard known == fingerprint else { return nil }
        self.init(accelerator: accelerator, reason: reason, isRemembered: true)
    }

    func bytes(fingerprint: String) -> [UInt8] {
        JSONValue.object([
            "fingerprint": .string(fingerprint), "accelerator": .string(self.accelerator.rawValue),
            "reason": .string(self.reason),
        ]).canonicalBytes
    }
}
