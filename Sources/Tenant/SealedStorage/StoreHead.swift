import Crypto
import WireFormat

/// The one record that covers all others (rule R14): which revision the store is at, and a keyed sum over the marks of all
/// entries. It is written in the same commit as what it covers.
struct StoreHead: Equatable, Sendable {
    /// Grows by one with each commit.
    var revision: UInt64
    /// The sum over all entries.
    var sum: EntrySum
    /// Random, so that a commit whose answer was lost can be told from another's.
    var writer: UInt64
    /// SHA-256 over the keyring's record, so that no older one is put in its place.
    var keyring: [UInt8]
    /// What became of a roll-back of the whole store.
    enum Rollback: UInt8 {
        /// There is none that matters.
        case none
        /// The store was restored from a backup, and nobody has accepted yet that what was written since is gone.
        case restored
        /// Somebody accepted it, and what was issued since the copy may still be believed: keys are to be renewed.
        case accepted
    }

    /// What became of a roll-back of the whole store.
    var rollback = Rollback.none

    private static let revisionLimit: UInt64 = 1 << 63

    /// The plain form that is sealed.
    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.u64BE(revision)
        writer.append(sum.bytes)
        writer.u64BE(self.writer)
        writer.append(keyring)
        writer.u8(rollback.rawValue)
        return writer.bytes
    }

    init(revision: UInt64, sum: EntrySum, keyring: [UInt8], rollback: Rollback = .none) {
        self.revision = revision
        self.sum = sum
        self.keyring = keyring
        self.rollback = rollback
        writer = .random(in: .min ... .max)
    }

    init(_ bytes: [UInt8]) throws(StoreFailure) {
        var reader = ByteReader(bytes)
        do throws(WireError) {
            revision = try reader.u64BE("revision")
            // Each commit adds one: no store gets there, and a head that says so would end the process that adds to it.
            guard revision < Self.revisionLimit else { throw WireError(field: "revision", reason: "is at its end") }
            sum = EntrySum(try reader.bytes(32, "sum"))
            writer = try reader.u64BE("writer")
            keyring = try reader.bytes(32, "keyring")
            guard let rollback = Rollback(rawValue: try reader.u8("rollback")) else {
                throw WireError(field: "rollback", reason: "is not known")
            }
            self.rollback = rollback
            try reader.finish()
        } catch {
            throw StoreFailure(.tampered, "the store's head is no head: \(error.field)")
        }
    }
}

/// A sum over a set of entries that changes with each of them and does not depend on their order.
///
/// Each entry counts as HMAC-SHA-256 over its name and mark, as a number; the sum is taken modulo 2^256. Without the key
/// nobody finds another set with the same sum (a multiset hash by addition: Clarke and others, ASIACRYPT 2003).
struct EntrySum: Equatable, Sendable {
    /// Four limbs, the least significant first.
    private var limbs: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// The sum over nothing.
    init() {}

    /// Reads 32 bytes, big-endian.
    init(_ bytes: some Swift.Collection<UInt8>) {
        let padded = Array(bytes)
        func limb(_ index: Int) -> UInt64 {
            padded[(3 - index) * 8..<(4 - index) * 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        limbs = (limb(0), limb(1), limb(2), limb(3))
    }

    /// 32 bytes, big-endian.
    var bytes: [UInt8] {
        [limbs.3, limbs.2, limbs.1, limbs.0].flatMap { limb in withUnsafeBytes(of: limb.bigEndian) { Array($0) } }
    }

    static func == (left: EntrySum, right: EntrySum) -> Bool { left.limbs == right.limbs }

    /// Adds an entry's number.
    mutating func add(_ other: EntrySum) {
        var carry: UInt64 = 0
        func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
            let (first, over) = left.addingReportingOverflow(right)
            let (second, again) = first.addingReportingOverflow(carry)
            carry = over || again ? 1 : 0
            return second
        }
        limbs.0 = sum(limbs.0, other.limbs.0)
        limbs.1 = sum(limbs.1, other.limbs.1)
        limbs.2 = sum(limbs.2, other.limbs.2)
        limbs.3 = sum(limbs.3, other.limbs.3)
    }

    /// Takes an entry's number away.
    mutating func remove(_ other: EntrySum) {
        var borrow: UInt64 = 0
        func difference(_ left: UInt64, _ right: UInt64) -> UInt64 {
            let (first, under) = left.subtractingReportingOverflow(right)
            let (second, again) = first.subtractingReportingOverflow(borrow)
            borrow = under || again ? 1 : 0
            return second
        }
        limbs.0 = difference(limbs.0, other.limbs.0)
        limbs.1 = difference(limbs.1, other.limbs.1)
        limbs.2 = difference(limbs.2, other.limbs.2)
        limbs.3 = difference(limbs.3, other.limbs.3)
    }
}
