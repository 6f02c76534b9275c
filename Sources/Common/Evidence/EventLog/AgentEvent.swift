import WireFormat

/// An entry of the attestation agent's log (AAEL), which stands in a CCEL as a tagged event: `<domain> <operation> <content>`,
/// or `INIT/<algorithm> <value>` at the start.
public struct AgentEvent: Equatable, Sendable {
    /// Who defines the operation.
    public var domain: String
    /// What was done.
    public var operation: String
    /// To what; often canonical JSON.
    public var content: String

    /// The tag of such events: "LEAA" in the log.
    public static let tag: UInt32 = 0x4141_454C

    /// The entry in a tagged event; nil for other tags.
    public init?(parsing data: [UInt8]) throws(WireError) {
        guard let text = try Self.text(data) else { return nil }
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        if parts.count == 2, parts[0].hasPrefix("INIT/") {
            domain = ""
            operation = String(parts[0])
            content = String(parts[1])
            return
        }
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw WireError(field: "AAEL", reason: "is not <domain> <operation> <content>")
        }
        domain = String(parts[0])
        operation = String(parts[1])
        content = String(parts[2])
    }

    /// The text of a tagged event of the agent; nil for other tags.
    public static func text(_ data: [UInt8]) throws(WireError) -> String? {
        var reader = ByteReader(data)
        guard data.count >= 8, try reader.u32LE("tag") == tag else { return nil }
        let size = Int(try reader.u32LE("tag size"))
        guard let text = String(validating: try reader.bytes(size, "AAEL"), as: UTF8.self) else {
            throw WireError(field: "AAEL", reason: "is not UTF-8")
        }
        try reader.finish()
        return text
    }
}
