/// What one commit will do.
struct CommitPlan {
    /// Entries to seal.
    var writes: [EntryKey: [UInt8]?] = [:]
    /// Blobs to write.
    var changes: [StoreChange] = []
    /// What the index learns of the changes.
    var marks: [([UInt8], StoredMark?)] = []
    /// The head that goes with them.
    var head: StoreHead
    /// The revisions whose notes of removals are then in the database.
    var notes: Set<UInt64>
    /// The commit that this one follows.
    let position: UInt64
    /// The keyring that the changes hold, where they hold one.
    var keyring: StoreKeyring?
    /// Whether the head itself says something new.
    var isNeeded = false
    /// Whether it has changes that must not be rolled back unseen.
    var wantsCheckpoint = false
    /// Whether the counter follows.
    var isCheckpoint = false
    var done: [PendingTransaction] = []
    var failed: [(PendingTransaction, StoreFailure)] = []
    var left: [PendingTransaction] = []

    /// Starts with the head, one revision on.
    init(after head: StoreHead, notes: Set<UInt64>, position: UInt64) {
        self.head = head
        self.head.revision += 1
        self.notes = notes
        self.position = position
    }

    /// Takes back what it does to a name, since something newer comes.
    mutating func forget(_ name: [UInt8]) {
        changes.removeAll { $0.name == name }
        marks.removeAll { $0.0 == name }
    }
}
