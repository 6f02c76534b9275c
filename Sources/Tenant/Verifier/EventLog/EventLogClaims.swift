import Evidence
import WireFormat

/// The events of a boot log under the names that the key broker protocol's policies know (`uefi_event_logs`).
///
/// Device paths are not spelled out: the event's bytes are there for who needs them.
public enum EventLogClaims {
    /// One entry for each event of a log; `digest_matches_event` compares with the plain digest of the event's bytes.
    public static func entries(_ log: BootEventLog) -> [JSONValue] {
        log.events.map { event in
            let known = event.digests.filter { TPMHash(rawValue: $0.algorithm) != nil }
            let matches =
                !known.isEmpty
                && known.allSatisfy { TPMHash(rawValue: $0.algorithm)?.digest(event.data) == $0.bytes }
            return [
                "index": .integer(Int64(event.register)), "type_name": .string(event.type.name),
                "event": .string(Base64.encode(event.data)), "digest_matches_event": .bool(matches),
                "digests": .array(event.digests.map(digest)), "details": .object(details(event)),
            ]
        }
    }

    private static func digest(_ digest: BootEvent.Digest) -> JSONValue {
        let name: String
        switch TPMHash(rawValue: digest.algorithm) {
        case .sha1: name = "SHA-1"
        case .sha256: name = "SHA-256"
        case .sha384: name = "SHA-384"
        case .sha512: name = "SHA-512"
        case nil: name = digest.algorithm == 0x12 ? "SM3-256" : "0x" + String(digest.algorithm, radix: 16)
        }
        return ["alg": .string(name), "digest": .string(Hex.encode(digest.bytes))]
    }

    private static func details(_ event: BootEvent) -> [String: JSONValue] {
        switch event.type.rawValue {
        case EventType.variableDriverConfig.rawValue, EventType.variableBoot.rawValue,
            EventType.variableBoot2.rawValue, EventType.variableAuthority.rawValue:
            return variable(event.data)
        case EventType.eventTag.rawValue: return tagged(event.data)
        case EventType.platformConfiguration.rawValue:
            guard let shim = try? ShimConfiguration(parsing: event.data) else { fallthrough }
            // Memory ranges are no text; a command line is one, with zeros behind.
            let content = String(validating: shim.content, as: UTF8.self)?.prefix { $0 != "\0" }
            return ["string": .string(content.map { "\(shim.name) \($0)" } ?? "")]
        case 0x1, 0xD, 0x8000_0007: return ["string": .string(text(event.data))]
        // Blobs and tables begin with the length of their description.
        case 0x8000_000A, 0x8000_000B:
            let length = Int(event.data.first ?? 0)
            return ["string": .string(text(Array(event.data.dropFirst().prefix(length))))]
        default: return [:]
        }
    }

    private static func variable(_ data: [UInt8]) -> [String: JSONValue] {
        guard let variable = try? EFIVariableData(parsing: data) else { return [:] }
        let vendor = Hex.encode(variable.vendor)
        var groups: [Substring] = []
        var rest = vendor[...]
        for length in [8, 4, 4, 4, 12] {
            groups.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return [
            "unicode_name": .string(variable.nameText), "unicode_name_length": .integer(Int64(variable.name.count)),
            "variable_name": .string(groups.joined(separator: "-")),
            "variable_data": .string(Base64.encode(variable.contents)),
            "variable_data_length": .integer(Int64(variable.contents.count)),
        ]
    }

    private static func tagged(_ data: [UInt8]) -> [String: JSONValue] {
        guard data.count >= 8 else { return [:] }
        let string = text(Array(data.dropFirst(8)))
        guard let entry = try? AgentEvent(parsing: data) else { return ["string": .string(string)] }
        return [
            "string": .string(string), "unicode_name": "AAEL",
            "data": [
                "domain": .string(entry.domain), "operation": .string(entry.operation),
                "content": (try? JSONValue.parse(text: entry.content)) ?? .string(entry.content),
            ],
        ]
    }

    /// A text up to its first zero, in UTF-8 or, as the names of a kernel image's sections, in UTF-16 with a dot in front.
    private static func text(_ data: [UInt8]) -> String {
        if data.count >= 4, data[1] == 0, data[0] != 0, data[3] == 0 {
            var units: [UInt16] = []
            for index in stride(from: 0, to: data.count - 1, by: 2) {
                let unit = UInt16(data[index]) | UInt16(data[index + 1]) << 8
                guard unit != 0 else { break }
                units.append(unit)
            }
            let text = String(decoding: units, as: UTF16.self)
            return text.hasPrefix(".") ? String(text.dropFirst()) : text
        }
        return String(validating: data.prefix { $0 != 0 }, as: UTF8.self) ?? ""
    }
}
