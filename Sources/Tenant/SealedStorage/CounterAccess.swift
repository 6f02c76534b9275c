import Envelope
import RootKeys

/// How the store gets at its roll-back counter, which may need a key of the store to tell its own values.
public struct CounterAccess: Sendable {
    /// What the readiness page and errors call the counter.
    public let kind: String
    private let opening: @Sendable (SecretBytes) async throws(RootKeyFailure) -> any RollbackCounter
    private let creating: (@Sendable (SecretBytes) async throws(RootKeyFailure) -> Void)?

    /// Describes a counter.
    ///
    /// - Parameters:
    ///   - kind: Its name.
    ///   - open: Opens it with the store's key for it.
    ///   - create: Makes it for a new store; nil for one that belongs to whatever store is opened with it.
    public init(
        kind: String, open: @escaping @Sendable (SecretBytes) async throws(RootKeyFailure) -> any RollbackCounter,
        create: (@Sendable (SecretBytes) async throws(RootKeyFailure) -> Void)? = nil
    ) {
        self.kind = kind
        opening = open
        creating = create
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
            create: { (key) throws(RootKeyFailure) in try await configuration.create(key: key) })
    }

    /// Opens the counter, or makes it for a new store; says whether it was made now.
    ///
    /// A counter that is there already counted for another store: one that was taken away as a whole, perhaps. For a store that
    /// exists one that is missing is made only where somebody accepts the store as it is.
    func open(
        for keyring: StoreKeyring, isNew: Bool, accepting: Bool
    ) async throws(RootKeyFailure) -> (counter: any RollbackCounter, isMade: Bool) {
        let key = keyring.counterKey
        guard isNew else {
            do {
                return (try await opening(key), false)
            } catch {
                guard accepting, error.code == .missing, let creating else { throw error }
                try await creating(key)
                return (try await opening(key), false)
            }
        }
        guard let creating else { return (try await opening(key), true) }
        do {
            try await creating(key)
        } catch {
            guard error.code == .exists else { throw error }
            return (try await opening(key), false)
        }
        return (try await opening(key), true)
    }
}
