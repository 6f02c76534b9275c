import WireFormat

/// A store as policies see it: what holds at the time that a clock says.
public struct CurrentReferenceValues: ReferenceValueSource {
    private let store: @Sendable () -> ReferenceValueStore
    private let clock: @Sendable () -> Int64

    /// Answers from a store that does not change.
    ///
    /// - Parameter clock: Seconds since 1970, asked at each lookup.
    public init(_ store: ReferenceValueStore, clock: @escaping @Sendable () -> Int64) {
        self.store = { store }
        self.clock = clock
    }

    /// Answers from the store that there is at each lookup.
    public init(_ store: @escaping @Sendable () -> ReferenceValueStore, clock: @escaping @Sendable () -> Int64) {
        self.store = store
        self.clock = clock
    }

    /// The value that holds now; nil when there is none, when it has expired, or when it is not valid yet.
    public func value(named name: String) -> JSONValue? {
        guard case .value(let value) = store().answer(name, at: clock()) else { return nil }
        return value
    }

    /// Why a name is not answered.
    public func absence(of name: String) -> String? { store().answer(name, at: clock()).reason }
}
