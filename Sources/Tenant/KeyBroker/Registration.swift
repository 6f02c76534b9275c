import Foundation
import KeyManagement
import WireFormat

/// What an administrator said about one pod manifest: which names and secrets it may have, and until when.
public struct Registration: Sendable, Equatable {
    /// Whether guests with this manifest get anything.
    public enum State: String, Sendable {
        /// Guests are served until the registration expires.
        case active
        /// Guests get nothing; the entry stays for the record.
        case retired
    }

    /// Which launch measurements may run the manifest. Reference values must hold them in either case.
    public enum Measurements: Sendable, Equatable {
        /// Every measurement that a signed reference value names.
        case anyReference
        /// Only these, in lower-case hexadecimal.
        case only(Set<String>)
    }

    /// The manifest digest, 64 lower-case hexadecimal digits.
    public var digest: String
    /// The service's name.
    public var name: String
    /// The service's namespace.
    public var namespace: String
    /// The DNS names that certificates may carry.
    public var hostnames: [String]
    /// The resources that may be released.
    public var resources: Set<ResourcePath>
    /// What may be done with keys of the namespace.
    public var keys: Set<KeyGrant>
    /// The measurements that may have them.
    public var measurements: Measurements
    /// The version of the guest that the manifest names: measurements of other versions get nothing (R9). Empty in
    /// registrations of before versions were recorded, which no measurement meets.
    public var guestVersion: String
    /// Whether guests on a simulated processor may have the resources; said by the tenant, never assumed (R6).
    public var allowsSimulated: Bool
    /// Who registered it.
    public var owner: String
    /// The second since 1970 from which on the registration is void.
    public var expires: Int64
    /// Active or retired.
    public var state: State

    /// How long a registration lives that does not say: 90 days.
    static let defaultLifetime: Int64 = 90 * 86_400

    /// Reads the body of `PUT manifests/{digest}`; `state` is present in stored copies only.
    init(digest: String, body: JSONValue, now: Int64, stored: Bool = false) throws(WireError) {
        guard try Hex.decode(digest, field: "digest").count == 32, digest == digest.lowercased() else {
            throw WireError(field: "digest", reason: "must be 64 lower-case hexadecimal digits")
        }
        self.digest = digest
        var fields = try JSONFields(body, path: "registration")
        name = try fields.string("name")
        namespace = try fields.string("namespace")
        hostnames = try fields.optionalStrings("hostnames")
        for hostname in hostnames where !Self.isHostname(hostname) {
            throw WireError(field: "hostnames", reason: "a name is no plain lower-case DNS name")
        }
        var paths: Set<ResourcePath> = []
        for path in try fields.optionalStrings("resources") { paths.insert(try ResourcePath(parsing: path)) }
        resources = paths
        var grants: Set<KeyGrant> = []
        for grant in try fields.optionalStrings("keys") {
            grants.insert(try KeyGrant(parsing: grant, namespace: namespace))
        }
        keys = grants
        measurements = try Self.measurements(try fields.value("measurements"))
        guestVersion = try fields.optionalString("guestVersion") ?? ""
        guard stored || (!guestVersion.isEmpty && guestVersion.utf8.count <= 128) else {
            throw WireError(field: "guestVersion", reason: "must be the version of the guest that the manifest names")
        }
        allowsSimulated = try fields.bool("simulated", default: false)
        owner = try fields.optionalString("owner") ?? ""
        expires = try Self.expiry(fields.optionalValue("expires"), now: now)
        let text = try fields.optionalString("state") ?? State.active.rawValue
        guard let state = State(rawValue: text), stored || state == .active else {
            throw WireError(field: "state", reason: "must be active; DELETE retires a manifest")
        }
        self.state = state
        try fields.finish()
        guard hostnames.count <= 64, resources.count <= 1024, keys.count <= 1024 else {
            throw WireError(field: "registration", reason: "has more than 64 names, 1024 resources or 1024 keys")
        }
    }

    /// The stored and listed form.
    var json: JSONValue {
        let listed: JSONValue =
            switch measurements {
            case .anyReference: .string("any-reference")
            case .only(let values): .array(values.sorted().map { .string($0) })
            }
        return .object([
            "name": .string(name), "namespace": .string(namespace), "owner": .string(owner),
            "hostnames": .array(hostnames.map { .string($0) }), "measurements": listed,
            "guestVersion": .string(guestVersion), "simulated": .bool(allowsSimulated),
            "resources": .array(resources.map(\.description).sorted().map { .string($0) }),
            "keys": .array(keys.map(\.description).sorted().map { .string($0) }),
            "expires": .integer(expires), "state": .string(state.rawValue),
        ])
    }

    /// Why a guest with this manifest gets nothing at `now`; nil when it may be served.
    func refusal(now: Int64) -> (check: String, reason: String)? {
        if state == .retired { return ("manifest-retired", "the manifest is retired") }
        if now >= expires { return ("manifest-expired", "the manifest's registration has expired") }
        return nil
    }

    private static func measurements(_ value: JSONValue) throws(WireError) -> Measurements {
        if value.stringValue == "any-reference" { return .anyReference }
        var found: Set<String> = []
        guard let list = value.arrayValue, !list.isEmpty else {
            throw WireError(field: "measurements", reason: "must be a list of digests or any-reference")
        }
        for element in list {
            let bytes = try Hex.decode(element.stringValue ?? "?", field: "measurements")
            guard [32, 48, 64].contains(bytes.count) else {
                throw WireError(
                    field: "measurements", reason: "a digest has 48 bytes, or 32 or 64 where hardware says so")
            }
            found.insert(Hex.encode(bytes))
        }
        return .only(found)
    }

    private static func expiry(_ value: JSONValue?, now: Int64) throws(WireError) -> Int64 {
        guard let value else { return now + defaultLifetime }
        let seconds = value.integerValue ?? value.stringValue.flatMap(Timestamp.seconds(parsing:))
        guard let seconds, (1...Timestamp.last).contains(seconds) else {
            throw WireError(field: "expires", reason: "must be seconds since 1970 or an RFC 3339 time")
        }
        return seconds
    }

    /// Letters, digits, hyphens and dots; no wildcard, since guests never get one (R11).
    static func isHostname(_ text: String) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= 253, !labels.isEmpty else { return false }
        return labels.allSatisfy { label in
            let bytes = Array(label.utf8)
            guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else { return false }
            let hyphen = UInt8(ascii: "-")
            return first != hyphen && last != hyphen
                && bytes.allSatisfy { byte in
                    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == hyphen
                }
        }
    }
}
