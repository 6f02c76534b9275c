import Envelope
import RootKeys

/// How the store gets at its roll-back counter, which may need a key of the store to tell its own values.
public struct CounterAccess: Sendable {
    /// What the readiness page and errors call the counter.
    public let kind: String
    private let opening: @Sendable (SecretBytes) async throws(RootKeyFailure) -> any RollbackCounter
    private let creating: (@Sendable (SecretBytes) async throws(RootKeyFailure) -> Void)?
    private let replacing: (@Sendable (SecretBytes) async throws(RootKeyFailure) -> Void)?

    /// Describes a counter.
    ///
    /// - Parameters:
    ///   - kind: Its name.
    ///   - open: Opens it with the store's key for it.
    ///   - create: Makes it for a new store; nil for one that belongs to whatever store is opened with it.
    ///   - replace: Makes it in the place of another store's; nil where there is no such thing.
    public init(
        kind: String, open: @escaping @Sendable (SecretBytes) async throws(RootKeyFailure) -> any RollbackCounter,
        create: (@Sendable (SecretBytes) async throws(RootKeyFailure) -> Void)? = nil,
        replace: (@Sendable (SecretBytes) async throws(RootKeyFailure) -> Void)? = nil
    ) {
        self.kind = kind
        opening = open
        creating = create
        replacing = replace
    }

    /// A counter of a configuration.
    public init(_ configuration: CounterConfiguration) {
        let kind =
            switch configuration {
            case .file: "file"
            case .tpm: "tpm"
            }
        self.init(
            kind: kind, open: { (key) throws(RootKeyFailure) in try await configuration.open(key: key) },
            create: { (key) throws(RootKeyFailure) in try await configuration.create(key: key) },
            replace: { (key) throws(RootKeyFailure) in try await configuration.create(key: key, replacing: true) })
    }

    /// Opens the counter, or makes it for a new store; says whether it was made now.
    ///
    /// A counter that is there already counted for another store: one that was taken away as a whole, perhaps. A counter that is
    /// missing for a store that exists, or is another store's, is made only where somebody accepts the store as it is.
    func open(
        for keyring: StoreKeyring, isNew: Bool, accepting: Bool
    ) async throws(RootKeyFailure) -> (counter: any RollbackCounter, isMade: Bool) {
        let key = keyring.counterKey
        guard isNew else { return (try await opened(key, accepting: accepting), false) }
        guard let creating else { return (try await opening(key), true) }
        do {
            try await creating(key)
        } catch {
            guard error.code == .exists else { throw error }
            return (try await opened(key, accepting: accepting), false)
        }
        return (try await opening(key), true)
    }

    /// Opens the counter of a store that is not new, or takes the place of a counter that is none of this store's.
    private func opened(
        _ key: SecretBytes, accepting: Bool
    ) async throws(RootKeyFailure) -> any RollbackCounter {
        do {
            return try await opening(key)
        } catch {
            guard accepting else { throw error }
            switch error.code {
            case .missing: try await creating?(key)
            case .otherStore: try await replacing?(key)
            default: throw error
            }
            return try await opening(key)
        }
    }
}
