import WireFormat

/// A log of measurements of a TD as JSON, in dstack's form: a list of `{imr, event_type, digest, event, event_payload}`.
public struct RuntimeEventLog: Equatable, Sendable {
    /// One measurement.
    public struct Event: Equatable, Sendable {
        /// The RTMR, 0 to 3.
        public var register: Int
        /// What was measured.
        public var type: EventType
        /// SHA-384 as extended (48 bytes); nil where the log leaves it to be computed.
        public var digest: [UInt8]?
        /// The event's name; empty for those of the firmware.
        public var name: String
        /// What was measured; dstack leaves it away for most events of the firmware.
        public var payload: [UInt8]

        /// Joins its parts.
        public init(register: Int, type: EventType, digest: [UInt8]?, name: String, payload: [UInt8]) {
            self.register = register
            self.type = type
            self.digest = digest
            self.name = name
            self.payload = payload
        }

        /// What the digest of an event of dstack's own is computed over: type, name and payload with colons between.
        public var runtimeMessage: [UInt8] {
            var writer = ByteWriter()
            writer.u32LE(type.rawValue)
            writer.append(Array(":\(name):".utf8))
            writer.append(payload)
            return writer.bytes
        }
    }

    /// The measurements in order.
    public var events: [Event]

    private static let eventLimit = 32_768

    /// Reads the list, also as the member `event_log` of an object and as JSON within a text, as dstack's services answer.
    public init(json: JSONValue) throws(WireError) {
        var list = json["event_log"] ?? json
        if let text = list.stringValue { list = try JSONValue.parse(text: text) }
        guard let elements = list.arrayValue else { throw WireError(field: "event log", reason: "must be a list") }
        guard elements.count <= Self.eventLimit else {
            throw WireError(field: "event log", reason: "has more than \(Self.eventLimit) events")
        }
        events = []
        for (index, element) in elements.enumerated() {
            var fields = try JSONFields(element, path: "event_log[\(index)]")
            let register = try fields.integer("imr", in: 0...3)
            let type = try fields.integer("event_type", in: 0...Int(UInt32.max))
            let digest = try Hex.decode(try fields.string("digest"), field: fields.path("digest"))
            guard digest.isEmpty || digest.count == TPMHash.sha384.length else {
                throw fields.refusal("digest", "must be empty or have \(TPMHash.sha384.length) bytes")
            }
            let name = try fields.optionalString("event") ?? ""
            let payload = try Hex.decode(
                try fields.optionalString("event_payload") ?? "", field: fields.path("event_payload"))
            events.append(
                Event(
                    register: register, type: EventType(rawValue: UInt32(truncatingIfNeeded: type)),
                    digest: digest.isEmpty ? nil : digest, name: name, payload: payload))
        }
    }

    /// The list as JSON.
    public var json: JSONValue {
        .array(
            events.map { event in
                [
                    "imr": .integer(Int64(event.register)), "event_type": .integer(Int64(event.type.rawValue)),
                    "digest": .string(Hex.encode(event.digest ?? [])), "event": .string(event.name),
                    "event_payload": .string(Hex.encode(event.payload)),
                ]
            })
    }
}
