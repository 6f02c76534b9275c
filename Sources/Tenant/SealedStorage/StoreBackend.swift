/// The database under the store: names and blobs that mean nothing to it.
///
/// Whoever runs it may read, change or withhold everything; the store notices changes, it cannot prevent them. A backend keeps
/// the order of commits: each has a position, and a commit happens only where nobody else's came between.
public protocol StoreBackend: Sendable {
    /// What errors and the readiness page call it.
    var kind: String { get }
    /// The most changes of one commit.
    var changesLimit: Int { get }
    /// The most bytes of one commit's blobs.
    var bytesLimit: Int { get }
    /// The most bytes of one blob.
    var blobLimit: Int { get }
    /// Whether several processes are expected to write; each then leaves the others a gap after its own commits.
    var isShared: Bool { get }

    /// What was written after `position`, as of one moment; 0 is everything.
    func changes(after position: UInt64) async throws(StoreFailure) -> StoreChanges
    /// The blobs of those `names` that exist.
    func read(_ names: [[UInt8]]) async throws(StoreFailure) -> [[UInt8]: [UInt8]]
    /// The names and blobs that start with `prefix`.
    func read(prefix: [UInt8]) async throws(StoreFailure) -> [[UInt8]: [UInt8]]
    /// Writes all or nothing, durably, when the newest commit is the one at `position`; answers the new position, or nil
    /// when somebody else's commit came first.
    ///
    /// After a failure of kind ``StoreFailure/Kind/unsure`` the same call tells what became of it: a commit that was stored answers
    /// the position that it got, and is not stored twice.
    func commit(_ changes: [StoreChange], at position: UInt64) async throws(StoreFailure) -> UInt64?
    /// Removes what interrupted commits left behind; called now and then.
    func sweep() async throws(StoreFailure)
    /// Closes connections and files.
    func shutdown() async
}

extension StoreBackend {
    /// Most databases serve one process.
    public var isShared: Bool { false }

    /// Most databases leave nothing behind.
    public func sweep() async throws(StoreFailure) {}
}

/// One write of a commit.
public struct StoreChange: Sendable {
    /// The name in the database.
    public let name: [UInt8]
    /// The new blob; nil removes the entry.
    public let blob: [UInt8]?

    /// Describes a write.
    public init(name: [UInt8], blob: [UInt8]?) {
        self.name = name
        self.blob = blob
    }
}

/// What changed since a position.
public struct StoreChanges: Sendable {
    /// One entry that was written.
    public struct Sighting: Sendable {
        /// The name in the database.
        public let name: [UInt8]
        /// Which writing of the entry it is.
        public let mark: StoredMark
        /// The blob itself, for the store's own records only.
        public let blob: [UInt8]?

        /// Takes from a blob what the store wants to know.
        public init(name: [UInt8], blob: [UInt8]) {
            self.name = name
            mark = StoredMark(of: blob)
            self.blob = StoredName.isRecord(name) ? blob : nil
        }
    }

    /// The position of the newest commit.
    public let position: UInt64
    /// What was written, in any order.
    public let sightings: [Sighting]

    /// Describes changes.
    public init(position: UInt64, sightings: [Sighting]) {
        self.position = position
        self.sightings = sightings
    }
}
