import Synchronization
import Verifier
import WireFormat

/// Where registered reference values go and policies look them up.
public protocol ReferenceValueRegistry: ReferenceValueSource {
    /// Takes in a message of the provider's protocol: `{"version", "type", "payload"}` as JSON.
    ///
    /// - Throws: ``WireError`` naming what is wrong with the message.
    func register(message: JSONValue) throws(WireError)
}

/// Reference values in memory, from messages of the type `sample`: `{name: value}` in base64.
///
/// Like trustee's they last a year; unlike trustee's they are then gone.
public final class MemoryReferenceValues: ReferenceValueRegistry {
    private struct Entry: Sendable {
        var value: JSONValue
        var expires: Int64
    }

    private static let lifetime: Int64 = 365 * 86_400
    private static let limit = 100_000

    private let clock: @Sendable () -> Int64
    private let entries: Mutex<[String: Entry]>

    /// Starts with values that do not expire.
    public init(_ values: [String: JSONValue] = [:], clock: @escaping @Sendable () -> Int64) {
        self.clock = clock
        entries = Mutex(values.mapValues { Entry(value: $0, expires: .max) })
    }

    /// The value that is known by a name now.
    public func value(named name: String) -> JSONValue? {
        let now = clock()
        return entries.withLock { $0[name].flatMap { $0.expires > now ? $0.value : nil } }
    }

    /// Takes in a message; all of its values or none.
    public func register(message: JSONValue) throws(WireError) {
        var fields = try JSONFields(message, path: "")
        _ = try fields.optionalString("version")
        let type = try fields.string("type")
        let payload = try Base64.decodeEither(try fields.string("payload"), field: "payload")
        try fields.finish()
        guard type == "sample" else {
            throw fields.refusal("type", "is \(ShownText.cut(type, bytes: 64)), and only sample is understood here")
        }
        guard let values = try JSONValue.parse(payload).objectValue else {
            throw WireError(field: "payload", reason: "must be an object of values by name")
        }
        let expires = clock() + Self.lifetime
        let fits = entries.withLock { known in
            let added = values.keys.count { known[$0] == nil }
            guard known.count + added <= Self.limit else { return false }
            for (name, value) in values { known[name] = Entry(value: value, expires: expires) }
            return true
        }
        guard fits else { throw WireError(field: "payload", reason: "there are more than \(Self.limit) values") }
    }
}
