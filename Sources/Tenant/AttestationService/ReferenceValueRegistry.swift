import Synchronization
import Verifier
import WireFormat

/// Registered reference values: where messages of the provider's protocol go, and policies look up.
///
/// An administrator's own statements (`sample`) count as such; documents must be signed by a pinned key, unless the
/// service's owner allowed unsigned ones. Values end when they say, or after twelve months.
public final class ReferenceValueRegistry: ReferenceValueSource {
    private let keys: [ReferenceSigningKey]
    private let allowsUnsigned: Bool
    private let clock: @Sendable () -> Int64
    private let store: Mutex<ReferenceValueStore>
    private let state: ServiceState?

    /// What the owner states at each start has this origin; it is not kept.
    private static let start = "start"

    /// Starts with what was registered before and values that the owner states.
    ///
    /// - Parameters:
    ///   - state: Where registered values are kept; nil keeps them in memory alone.
    ///   - values: The values by name.
    ///   - keys: Whose signatures count.
    ///   - allowsUnsigned: Whether documents count that nobody signed.
    ///   - clock: The present, in seconds since 1970.
    public init(
        _ values: [String: JSONValue] = [:], state: ServiceState? = nil, keys: [ReferenceSigningKey] = [],
        allowsUnsigned: Bool = false, clock: @escaping @Sendable () -> Int64
    ) throws(WireError) {
        self.keys = keys
        self.allowsUnsigned = allowsUnsigned
        self.clock = clock
        self.state = state
        var store = try state?.values(keys: keys) ?? ReferenceValueStore()
        let reader = ReferenceReader(origin: Self.start, expiry: .never, now: clock())
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            try store.take(try reader.statement(name: name, value: value))
        }
        self.store = Mutex(store)
    }

    private var source: CurrentReferenceValues {
        CurrentReferenceValues({ self.store.withLock { $0 } }, clock: clock)
    }

    /// The value that is known by a name now.
    public func value(named name: String) -> JSONValue? { source.value(named: name) }

    /// Why there is none.
    public func absence(of name: String) -> String? { source.absence(of: name) }

    /// Takes in a message `{"version", "type", "payload"}`: all of its values or none.
    public func register(message: JSONValue) throws(WireError) {
        let reader = ReferenceReader(
            keys: keys, allowsUnsigned: allowsUnsigned || message["type"] == "sample", origin: "administrator",
            now: clock())
        let document = try reader.read(message: message)
        try store.withLock { (store) throws(WireError) in
            var changed = store
            _ = try changed.take(document)
            try state?.save(values: changed.document(without: Self.start))
            store = changed
        }
    }
}

extension ReferenceValueStore {
    /// The document of the values that came from elsewhere than `origin`.
    fileprivate func document(without origin: String) -> JSONValue {
        var members = json.objectValue ?? [:]
        members["values"] = .array(all.filter { $0.provenance.origin != origin }.map(\.json))
        return .object(members)
    }
}
