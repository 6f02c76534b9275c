import Foundation
import Verifier
import WireFormat

/// `/kbs/v0/reference-value`: trustee's interface to reference values, for administrators.
extension KeyBroker {
    /// All values with where they came from and whether they hold.
    var listedReferenceValues: JSONValue { .array(named.all.map(listed)) }

    /// The value of a name, while it holds.
    func referenceValue(_ segments: [String]) throws(BrokerError) -> JSONValue {
        let name = try Self.referenceName(segments)
        switch named.answer(name) {
        case .value(let value): return value
        case let other: throw Self.absent(name, other.reason ?? "")
        }
    }

    /// Removes the value of a name.
    func deleteReferenceValue(_ segments: [String]) async throws(BrokerError) {
        let name = try Self.referenceName(segments)
        guard try await named.remove(name) else { throw Self.absent(name, "has no value") }
    }

    private func listed(_ entry: ReferenceValueEntry) -> JSONValue {
        var members = entry.json.objectValue ?? [:]
        members["state"] = .string(entry.standing(at: clock.seconds).reason ?? "valid")
        return .object(members)
    }

    private static func absent(_ name: String, _ reason: String) -> BrokerError {
        BrokerError(.referenceValue, check: "reference-value", "\(ShownText.cut(name, bytes: 128)): \(reason)")
    }

    /// The rest of the path is the name; what a path cannot hold is percent-encoded.
    private static func referenceName(_ segments: [String]) throws(BrokerError) -> String {
        guard let name = segments.joined(separator: "/").removingPercentEncoding else { throw unknownPath }
        return name
    }

    /// Takes a message of trustee's, with members of our own: `expires` (a time or `never`), `note`, `allowUnsigned`,
    /// `allowRollback`.
    ///
    /// A `sample` message is a statement of the administrator, whose token says who it was. Manifests have an author of
    /// their own: one that nobody signed is taken only when the administrator says so.
    func takeReferenceValues(_ body: [UInt8], _ administrator: String) async throws(BrokerError) -> BrokerResponse {
        let document: ReferenceDocument
        let allowsRollback: Bool
        do {
            guard var members = try JSONValue.parse(body).objectValue else {
                throw WireError(field: "message", reason: "must be an object")
            }
            var options = try JSONFields(
                .object(members.filter { Self.options.contains($0.key) }), path: "")
            Self.options.forEach { members[$0] = nil }
            allowsRollback = try options.bool("allowRollback", default: false)
            let reader = ReferenceReader(
                keys: named.keys,
                allowsUnsigned: try options.bool("allowUnsigned", default: false) || members["type"] == "sample",
                origin: "administrator \(administrator)",
                expiry: try options.optionalValue("expires").map(Self.expiry) ?? .usual,
                note: try options.optionalString("note"), now: clock.seconds)
            document = try reader.read(message: .object(members))
        } catch let error as WireError {
            throw BrokerError(.malformed, check: "reference-values", "\(error.field): \(error.reason)")
        } catch {
            throw BrokerError(.malformed, check: "reference-values", "not understood")
        }
        guard document.kind != .release else {
            throw BrokerError(
                .malformed, check: "reference-values",
                "a release of the guest goes to PUT /kbs/v0/testudo/reference-values, signed")
        }
        let change = try await named.take(document, allowsRollback: allowsRollback)
        return .json([
            "written": .array(change.written.sorted().map { .string($0) }),
            "removed": .array(change.removed.sorted().map { .string($0) }),
            "unread": .integer(Int64(document.unread)),
        ])
    }

    private static let options: Set = ["expires", "note", "allowUnsigned", "allowRollback"]

    private static func expiry(_ value: JSONValue) throws(WireError) -> ReferenceReader.Expiry {
        if value == "never" { return .never }
        guard let seconds = ReferenceTime.seconds(value) else {
            throw WireError(field: "expires", reason: "must be never or a time such as 2027-01-31T00:00:00Z")
        }
        return .at(seconds)
    }
}
