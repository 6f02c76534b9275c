import WireFormat

/// The life of a version (NIST SP 800-57 part 1, section 7).
public enum KeyState: String, Sendable {
    /// Made, but not in use yet.
    case preActive = "pre-active"
    /// In use: the newest version for everything, older ones for what they made.
    case active
    /// Out of use; an administrator can still move messages to the newest version.
    case deactivated
    /// The material is gone for good; this entry tells that it was there.
    case destroyed
}

/// One version of a key, without its material.
public struct KeyVersion: Sendable, Equatable {
    /// Counts from 1; never used twice.
    public let number: UInt32
    /// The state as it was written; ``state(at:)`` is the one that counts.
    public internal(set) var state: KeyState
    /// The second since 1970 in which it was made.
    public let created: Int64
    /// The second from which on a pre-active version is in use.
    public internal(set) var activates: Int64?
    /// The second from which on nothing new is made with it; nil for no end.
    public internal(set) var notAfter: Int64?
    /// The second in which the overlap with its successor ends; nil while it has none.
    public internal(set) var overlapEnds: Int64?
    /// When it was destroyed.
    public internal(set) var destroyed: Int64?
    /// The public half: x and y, or 32 bytes of Ed25519; nil for secret keys and destroyed versions.
    public internal(set) var publicKey: [UInt8]?

    /// The state at a second.
    public func state(at now: Int64) -> KeyState {
        switch state {
        case .preActive:
            guard let activates, activates <= now else { return .preActive }
            return overlapEnds.map { $0 <= now } == true ? .deactivated : .active
        case .active: return overlapEnds.map { $0 <= now } == true ? .deactivated : .active
        case .deactivated, .destroyed: return state
        }
    }
}

/// What is known of a key, without its material.
public struct KeyRecord: Sendable, Equatable {
    /// The name.
    public let name: KeyName
    /// The kind, for all versions.
    public let kind: KeyKind
    /// What may be done with it, by callers whom the policy allows it.
    public let operations: Set<KeyOperation>
    /// Whether the material may leave to attested callers; said when the key is made, and never changed.
    public let isExportable: Bool
    /// Whether it is the broker's own, such as a certificate authority's: no client signs with it, whatever policies say.
    public let isReserved: Bool
    /// The second since 1970 in which it was made.
    public let created: Int64
    /// How many seconds an older version still opens and verifies after a rotation.
    public let overlap: Int64
    /// The versions, oldest first.
    public internal(set) var versions: [KeyVersion]

    /// The version that is in use for new messages, or the one that took its place and is stopped: never an older one.
    public func primary(at now: Int64) -> KeyVersion? { versions.last { $0.state(at: now) != .preActive } }

    /// The version of a number.
    public func version(_ number: UInt32) -> KeyVersion? { versions.first { $0.number == number } }

    /// The listed form, with states as of `now`.
    public func json(now: Int64) -> JSONValue {
        guard case .object(var members) = json else { return json }
        members["key"] = .string(name.description)
        members["primary"] = primary(at: now).map { .integer(Int64($0.number)) } ?? .null
        members["versions"] = .array(versions.map { $0.json(state: $0.state(at: now)) })
        return .object(members)
    }
}

extension KeyVersion {
    func json(state: KeyState) -> JSONValue {
        var members: [String: JSONValue] = [
            "version": .integer(Int64(number)), "state": .string(state.rawValue), "created": .integer(created),
        ]
        if let activates { members["activates"] = .integer(activates) }
        if let notAfter { members["notAfter"] = .integer(notAfter) }
        if let overlapEnds { members["overlapEnds"] = .integer(overlapEnds) }
        if let destroyed { members["destroyed"] = .integer(destroyed) }
        if let publicKey { members["publicKey"] = .string(Base64.encodeURL(publicKey)) }
        return .object(members)
    }

    init(_ value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "version")
        number = UInt32(try fields.integer("version", in: 1...Int(UInt32.max)))
        guard let state = KeyState(rawValue: try fields.string("state")) else {
            throw fields.refusal("state", "is unknown")
        }
        self.state = state
        created = try fields.integer("created")
        activates = try fields.optionalInteger("activates")
        notAfter = try fields.optionalInteger("notAfter")
        overlapEnds = try fields.optionalInteger("overlapEnds")
        destroyed = try fields.optionalInteger("destroyed")
        if let text = try fields.optionalString("publicKey") {
            publicKey = try Base64.decodeURL(text, field: "publicKey")
        } else {
            publicKey = nil
        }
        try fields.finish()
    }
}

extension KeyRecord {
    /// The stored form.
    var json: JSONValue {
        .object([
            "kind": .string(kind.rawValue), "created": .integer(created), "overlap": .integer(overlap),
            "operations": .array(operations.map(\.rawValue).sorted().map { .string($0) }),
            "exportable": .bool(isExportable), "reserved": .bool(isReserved),
            "versions": .array(versions.map { $0.json(state: $0.state) }),
        ])
    }

    init(name: KeyName, stored: [UInt8]) throws(WireError) {
        self.name = name
        let value: JSONValue
        do { value = try JSONValue.parse(stored) } catch { throw WireError(field: "record", reason: "is not JSON") }
        var fields = try JSONFields(value, path: "record")
        guard let kind = KeyKind(rawValue: try fields.string("kind")) else {
            throw fields.refusal("kind", "is unknown")
        }
        self.kind = kind
        created = try fields.integer("created")
        overlap = try fields.integer("overlap")
        operations = Set(try fields.strings("operations").compactMap(KeyOperation.init(rawValue:)))
        isExportable = try fields.bool("exportable")
        isReserved = try fields.bool("reserved")
        var versions: [KeyVersion] = []
        for element in try fields.array("versions") { versions.append(try KeyVersion(element)) }
        self.versions = versions
        try fields.finish()
    }
}
