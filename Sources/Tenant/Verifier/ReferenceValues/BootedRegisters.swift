import Evidence
import WireFormat

/// What a TPM's registers hold after a measured boot of a published guest.
public struct BootedRegisters: Equatable, Sendable {
    /// Whether it is a debug guest with a console.
    public let debug: Bool
    /// The values, of those registers that follow from what was published.
    public let banks: PCRBanks

    private static let limit = 1024

    /// Describes a boot.
    public init(debug: Bool, banks: PCRBanks) {
        self.debug = debug
        self.banks = banks
    }

    /// Reads a list of `{"debug", "values": {"sha256": {"0": hex, …}, …}}`.
    static func list(_ json: JSONValue) throws(WireError) -> [BootedRegisters] {
        guard let entries = json.arrayValue, entries.count <= limit else {
            throw WireError(field: "registers", reason: "must be a list of at most \(limit) boots")
        }
        var list: [BootedRegisters] = []
        for (index, entry) in entries.enumerated() {
            var fields = try JSONFields(entry, path: "registers[\(index)]")
            let debug = try fields.bool("debug")
            let banks = try PCRBanks(json: try fields.value("values"))
            try fields.finish()
            list.append(BootedRegisters(debug: debug, banks: banks))
        }
        return list
    }

    /// The boot as JSON.
    public var json: JSONValue { ["debug": .bool(debug), "values": banks.json] }
}
