/// What the store knows of its entries without asking the database: the mark of each, and the head.
///
/// A blob counts only when its mark is the one here, so an older blob that somebody put back is found at the first read.
struct StoreIndex: Sendable {
    /// An entry's name as numbers: the family's part first.
    private struct Name: Hashable {
        let first: UInt64
        let second: UInt64
        let third: UInt64

        init(_ bytes: [UInt8]) {
            func number(_ start: Int) -> UInt64 { bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
            (first, second, third) = (number(9), number(17), number(25))
        }

        func bytes(after family: UInt64) -> [UInt8] {
            [StoredName.entry]
                + [family, first, second, third].flatMap { limb in
                    withUnsafeBytes(of: limb.bigEndian) { Array($0) }
                }
        }
    }

    private var families: [UInt64: [Name: StoredMark]] = [:]
    /// By family, the revision of the commit that changed it last, as far as that is known here.
    private var changes: [UInt64: UInt64] = [:]
    /// What was changed before this revision is not known apart.
    private var begin: UInt64 = 0
    /// The newest commit that is in here.
    private(set) var position: UInt64 = 0
    /// The head of that commit.
    private(set) var head: StoreHead?
    /// The revisions whose notes of removals lie in the database.
    private(set) var notes: Set<UInt64> = []

    /// How many bytes an entry's name has.
    static let nameLength = 33

    /// How many entries there are.
    var count: Int { families.values.reduce(0) { $0 + $1.count } }

    /// The names of all entries.
    var names: [[UInt8]] {
        families.flatMap { family, marks in marks.keys.map { $0.bytes(after: family) } }
    }

    /// Which writing of an entry is the present one; nil when there is none.
    func mark(_ name: [UInt8]) -> StoredMark? {
        guard name.count == Self.nameLength else { return nil }
        return families[Self.family(name)]?[Name(name)]
    }

    /// The present writings of a family by name.
    func marks(prefix: [UInt8]) -> [[UInt8]: StoredMark] {
        let family = Self.family(prefix)
        var found: [[UInt8]: StoredMark] = [:]
        for (name, mark) in families[family] ?? [:] { found[name.bytes(after: family)] = mark }
        return found
    }

    /// A revision that is another one after each change of a family, removals too.
    func lastChange(prefix: [UInt8]) -> UInt64 { changes[Self.family(prefix)] ?? begin }

    /// Takes in what changed; answers false when the entries are then not the ones that the head covers.
    ///
    /// Changes from before what is known already do nothing, so that two refreshes at once do no harm.
    mutating func apply(_ changes: StoreChanges, keys: StoreKeyring) throws(StoreFailure) -> Bool {
        guard changes.position >= position else {
            throw StoreFailure(.tampered, "the store went back from commit \(position) to \(changes.position)")
        }
        guard changes.position > position else { return true }
        var next = self
        var sum = head?.sum ?? EntrySum()
        var newHead: StoreHead?
        var touched: Set<UInt64> = []
        var removed: [(revision: UInt64, names: [[UInt8]])] = []
        for sighting in changes.sightings {
            if let blob = sighting.blob {
                if sighting.name == StoredName.head {
                    newHead = try StoreHead(keys.open(record: blob, name: sighting.name))
                } else if let revision = StoredName.revision(ofNote: sighting.name) {
                    next.notes.insert(revision)
                    removed.append((revision, try Self.names(keys.open(record: blob, name: sighting.name))))
                }
            } else if sighting.name.count == Self.nameLength {
                next.set(sighting.name, sighting.mark, &sum, keys)
                touched.insert(Self.family(sighting.name))
            }
        }
        for (revision, names) in removed where revision > head?.revision ?? 0 {
            for name in names {
                touched.insert(Self.family(name))
                if (next.mark(name)?.version ?? .max) < revision { next.set(name, nil, &sum, keys) }
            }
        }
        guard let newHead, newHead.revision > head?.revision ?? 0, newHead.sum == sum else { return false }
        next.note(touched, at: newHead.revision)
        if head == nil { next.begin = newHead.revision }
        next.head = newHead
        next.position = changes.position
        self = next
        return true
    }

    /// Takes in a commit of one's own, unless a refresh saw it first.
    mutating func apply(
        _ marks: [([UInt8], StoredMark?)], head: StoreHead, notes: Set<UInt64>, position: UInt64, keys: StoreKeyring
    ) {
        guard position > self.position else { return }
        var sum = EntrySum()
        for (name, mark) in marks { set(name, mark, &sum, keys) }
        note(Set(marks.map { Self.family($0.0) }), at: head.revision)
        self.head = head
        self.notes = notes
        self.position = position
    }

    private mutating func note(_ touched: Set<UInt64>, at revision: UInt64) {
        for family in touched { changes[family] = revision }
    }

    /// The sum after these writes.
    func sum(after marks: [([UInt8], StoredMark?)], keys: StoreKeyring) -> EntrySum {
        var sum = head?.sum ?? EntrySum()
        for (name, mark) in marks {
            if let old = self.mark(name) { sum.remove(keys.term(name, old)) }
            if let mark { sum.add(keys.term(name, mark)) }
        }
        return sum
    }

    private mutating func set(_ name: [UInt8], _ mark: StoredMark?, _ sum: inout EntrySum, _ keys: StoreKeyring) {
        let family = Self.family(name)
        if let old = families[family]?[Name(name)] { sum.remove(keys.term(name, old)) }
        if let mark {
            sum.add(keys.term(name, mark))
            families[family, default: [:]][Name(name)] = mark
        } else {
            families[family]?[Name(name)] = nil
            if families[family]?.isEmpty == true { families[family] = nil }
        }
    }

    private static func family(_ name: [UInt8]) -> UInt64 { name[1..<9].reduce(0) { $0 << 8 | UInt64($1) } }

    private static func names(_ note: [UInt8]) throws(StoreFailure) -> [[UInt8]] {
        guard note.count % nameLength == 0 else { throw StoreFailure(.tampered, "a note of removals is cut short") }
        return stride(from: 0, to: note.count, by: nameLength).map { Array(note[$0..<$0 + nameLength]) }
    }
}
