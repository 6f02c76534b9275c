import Crypto
import Envelope
import Foundation
import Fuzzing
import RootKeys
import Synchronization
import WireFormat

@testable import RootKeys
@testable import SealedStorage

/// A root key that is the same in each process.
struct FixedRootKey: RootKey {
    let kind = "file"
    static let secret = WrappingSecret(SecretBytes(Fixed.bytes(40)))

    func wrap(_ key: SecretBytes, context: [UInt8]) async throws(RootKeyFailure) -> [UInt8] {
        try Self.secret.wrap(key, context: context, kind: kind)
    }

    func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(RootKeyFailure) -> SecretBytes {
        try Self.secret.unwrap(wrapped, context: context, kind: kind)
    }
}

/// A database in memory.
final class MemoryBackend: StoreBackend {
    let kind = "memory"
    let changesLimit = 100
    let bytesLimit = 1 << 20
    let blobLimit = 16 << 20
    private let state = Mutex<(position: UInt64, blobs: [[UInt8]: (blob: [UInt8], position: UInt64)])>((0, [:]))

    func changes(after position: UInt64) async throws(StoreFailure) -> StoreChanges {
        state.withLock { state in
            StoreChanges(
                position: state.position,
                sightings: state.blobs.filter { $0.value.position > position }.map {
                    StoreChanges.Sighting(name: $0.key, blob: $0.value.blob)
                })
        }
    }

    func read(_ names: [[UInt8]]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        state.withLock { state in
            var found: [[UInt8]: [UInt8]] = [:]
            for name in names { found[name] = state.blobs[name]?.blob }
            return found
        }
    }

    func read(prefix: [UInt8]) async throws(StoreFailure) -> [[UInt8]: [UInt8]] {
        state.withLock { state in
            state.blobs.filter { $0.key.starts(with: prefix) }.mapValues(\.blob)
        }
    }

    func commit(_ changes: [StoreChange], at position: UInt64) async throws(StoreFailure) -> UInt64? {
        state.withLock { state in
            guard position == state.position else { return nil }
            state.position += 1
            for change in changes { state.blobs[change.name] = change.blob.map { ($0, state.position) } }
            return state.position
        }
    }

    func shutdown() async {}
}

/// The store's records. The first byte says what follows: 0 an entry's blob, 1 what is sealed in one, 2 a head, 3 keys of a keyring,
/// 4 changes, 5 the same under a head that covers them, 6 a keyring's record.
enum StoreFormat: FormatFamily {
    static let shape = Shape.chosen { bytes in
        func number(_ width: Int) -> Field { .number(width, bigEndian: true) }
        let fields: [Field] =
            switch bytes.first {
            case 0: [number(1), number(4), number(8), .bytes(12), .rest(.raw)]
            case 1: [.sized(2, bigEndian: true), .rest(.raw)]
            case 2: [number(8), .bytes(32), number(8), .bytes(32), number(1)]
            case 3: [number(1), number(4), .bytes(32), .bytes(32), .many([number(4), .bytes(32)])]
            case 4, 5: [number(8), .many([.sized(1), .sized(4, bigEndian: true)])]
            default: [.sized(2, bigEndian: true), .rest(.raw)]
            }
        return .fields([.bytes(1)] + fields)
    }
    static let sources = ["StoredBlob", "StoreKeyring", "StoreHead", "StoreIndex", "EntryKey"].map {
        "Sources/Tenant/SealedStorage/\($0).swift"
    }

    private static let master = SecretBytes(Fixed.bytes(41))
    static let keyring = Fixed.made { try opened(keys) }
    private static let entry = EntryFamily(rawValue: "fruit")["apple"]
    private static let version: UInt64 = 7

    /// A keyring's plaintext with two data keys.
    private static var keys: [UInt8] {
        var writer = ByteWriter()
        writer.u8(1)
        writer.u32BE(2)
        writer.append(Fixed.bytes(42) + Fixed.bytes(43))
        for (number, first) in [(UInt32(1), UInt8(44)), (2, 45)] {
            writer.u32BE(number)
            writer.append(Fixed.bytes(first))
        }
        return writer.bytes
    }

    /// A keyring from what it seals.
    private static func opened(_ plain: [UInt8]) throws -> StoreKeyring {
        let key = master.withBytes { SymmetricKey(data: $0) }
        let box = try AES.GCM.seal(plain, using: key, authenticating: StoredName.keyring)
        return try StoreKeyring(box.combined ?? Data(), master: master)
    }

    static func run(_ bytes: [UInt8]) throws {
        let rest = Array(bytes.dropFirst())
        let name = keyring.storedName(entry)
        switch bytes.first {
        case 0:
            _ = StoredMark(of: rest)
            _ = try? keyring.resealed(rest, name: name)
            let found = try keyring.open(rest, name: name)
            require(found.name == entry.name && found.value == Fixed.secret, "an entry opens as another")
            require(Honest.contains(bytes), "an entry opens that was changed")
            let elsewhere = keyring.storedName(EntryFamily(rawValue: "fruit")["pear"])
            require((try? keyring.open(rest, name: elsewhere)) == nil, "an entry opens under another name")
        case 1:
            let blob = try keyring.seal(record: rest, name: name, version: version)
            let found = try keyring.open(blob, name: name)
            require(found.version == version && found.value.count + 2 <= rest.count, "an entry is too long")
            require(rest.suffix(found.value.count).elementsEqual(found.value), "an entry holds something else")
        case 2:
            let head = try StoreHead(rest)
            require(try StoreHead(head.bytes) == head, "a head that is written is another")
            require(head.bytes.dropLast().elementsEqual(rest.dropLast()), "a head is not given back")
        case 3:
            let found = try opened(rest)
            let again = try StoreKeyring(found.sealed(), master: master)
            require(again.current == found.current && again.hasOldDataKeys == found.hasOldDataKeys, "keys are others")
            require(again.storedName(entry) == found.storedName(entry), "a keyring has other names")
            let blob = try found.seal(record: [1], name: name, version: 1)
            require(try again.open(record: blob, name: name) == [1], "a keyring does not open what it sealed")
        case 4, 5: try changes(rest, covered: bytes.first == 5)
        default:
            let offer = try wait {
                await SealedStore.open(keyring: rest, [FixedRootKey()], master: nil)
            }
            require(offer.digest.count == 32, "a keyring without a digest")
            _ = try offer.opened.get()
            require(Honest.contains([6] + rest), "a keyring opens that was changed")
        }
    }

    /// What a database says was written.
    private static func changes(_ bytes: [UInt8], covered: Bool) throws {
        var reader = ByteReader(bytes)
        let position = try reader.u64BE("position")
        var blobs: [[UInt8]: [UInt8]] = [:]
        while reader.remaining > 0 {
            let name = try reader.bytes(Int(try reader.u8("length")), "name")
            blobs[name] = try reader.bytes(Int(try reader.u32BE("length")), "blob")
        }
        if covered {
            var sum = EntrySum()
            for (name, blob) in blobs where name.count == StoreIndex.nameLength && !StoredName.isRecord(name) {
                sum.add(keyring.term(name, StoredMark(of: blob)))
            }
            let head = StoreHead(revision: 9, sum: sum, keyring: Fixed.bytes(46))
            blobs[StoredName.head] = try keyring.seal(record: head.bytes, name: StoredName.head, version: 9)
        }
        var index = StoreIndex()
        let sightings = blobs.map { StoreChanges.Sighting(name: $0.key, blob: $0.value) }
        let isWhole = try index.apply(StoreChanges(position: position, sightings: sightings), keys: keyring)
        require(index.names.count == index.count, "an index counts otherwise")
        for name in index.names { require(index.mark(name) != nil, "an entry has no mark") }
        guard isWhole else { return require(index.head == nil, "a head that covers something else counts") }
        guard position > 0 else { return }
        require(index.head != nil, "entries without a head")
        _ = index.marks(prefix: keyring.prefix(entry.family))
        // The same once more, an older state, and one's own commit.
        require(try index.apply(StoreChanges(position: position, sightings: []), keys: keyring), "nothing is something")
        require(
            (try? index.apply(StoreChanges(position: position - 1, sightings: []), keys: keyring)) == nil,
            "a store goes back")
        guard let head = index.head, position < .max - 1 else { return }
        let mark = StoredMark(of: [UInt8](repeating: 3, count: 60))
        let name = keyring.storedName(entry)
        let next = StoreHead(
            revision: head.revision + 1, sum: index.sum(after: [(name, mark)], keys: keyring), keyring: head.keyring)
        index.apply([(name, mark)], head: next, notes: index.notes, position: position + 1, keys: keyring)
        require(index.mark(name) == mark && index.sum(after: [], keys: keyring) == next.sum, "a commit is not there")
        index.apply([(name, nil)], head: head, notes: [], position: .max, keys: keyring)
        require(index.mark(name) == nil, "a removed entry is there")
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        Fixed.made {
            let name = keyring.storedName(entry)
            let blob = try keyring.seal(Fixed.secret, as: entry, version: version)
            var old = keyring
            old.addDataKey()
            old.forgetOldDataKeys()
            old.renewMaster()
            let unknown = try old.seal(Fixed.secret, as: entry, version: version)
            var inner = ByteWriter()
            inner.u16BE(5)
            inner.append(Array("apple".utf8) + Fixed.secret)
            let head = StoreHead(revision: 9, sum: EntrySum(), keyring: Fixed.bytes(46), rollback: .restored)
            let record = try wait { try await SealedStore.keyringBlob(keyring, FixedRootKey()) }
            let headBlob = try keyring.seal(record: head.bytes, name: StoredName.head, version: 9)
            let note = StoredName.note(9)
            let noteBlob = try keyring.seal(record: name + name, name: note, version: 9)
            func changes(_ mode: UInt8, _ blobs: [([UInt8], [UInt8])]) -> [UInt8] {
                var writer = ByteWriter()
                writer.u8(mode)
                writer.u64BE(4)
                for (name, blob) in blobs {
                    writer.u8(UInt8(name.count))
                    writer.append(name)
                    writer.u32BE(UInt32(blob.count))
                    writer.append(blob)
                }
                return writer.bytes
            }
            let fig = keyring.storedName(EntryFamily(rawValue: "fruit")["fig"])
            return [
                [0] + blob, [0] + unknown, [1] + inner.bytes, [2] + head.bytes, [3] + keys, [6] + record,
                changes(4, [(StoredName.head, headBlob)]), changes(4, [(name, blob), (StoredName.head, headBlob)]),
                changes(5, [(name, blob), (fig, unknown)]), changes(5, []),
                changes(5, [(name, blob), (note, noteBlob), (StoredName.keyring, record), ([1, 2], [3])]),
            ]
        }
    }
}

/// Backups. The first byte says what the fuzzer mends before it is restored: 0 nothing, 1 the header, 2 the head too.
enum BackupFormat: FormatFamily {
    static let room = 12_288
    static let shape = Shape.fields([
        .bytes(1), .bytes(16), .number(8, bigEndian: true), .number(8, bigEndian: true), .number(8, bigEndian: true),
        .bytes(32), .bytes(32), .sized(2, bigEndian: true),
        .bytes(BackupHeader.size - 106 - 212),
        .many([.number(1), .sized(1), .sized(4, bigEndian: true)]),
    ])
    static let sources = ["StoreBackup", "SealedStore+Backup"].map { "Sources/Tenant/SealedStorage/\($0).swift" }

    /// A store with entries, some of them gone again.
    private static func filled() throws -> SealedStore {
        try wait {
            let store = try await SealedStore(MemoryBackend(), rootKey: FixedRootKey())
            let fruit = EntryFamily(rawValue: "fruit")
            for name in ["apple", "pear", "fig"] {
                try await store.transact([]) { transaction throws(StoreFailure) in
                    transaction.put(fruit[name], Fixed.secret)
                }
            }
            try await store.transact([]) { transaction throws(StoreFailure) in transaction.remove(fruit["pear"]) }
            return store
        }
    }

    /// So that the writing of backups counts too.
    static func prepare() {
        let path = "\(Scratch.folder)/prepared"
        Fixed.made {
            let store = try filled()
            _ = try wait { try await store.backup(to: path) }
            require((try? wait { try await store.backup(to: path) }) == nil, "a backup is replaced")
        }
        unlink(path)
    }

    static func run(_ bytes: [UInt8]) throws {
        guard let mode = bytes.first else { return }
        let content =
            mode % 3 == 0 ? Array(bytes.dropFirst()) : try mended(Array(bytes.dropFirst()), head: mode % 3 == 2)
        let path = Scratch.write("backup", content)
        let backend = MemoryBackend()
        let restored = try wait { try await SealedStore.restore(from: path, into: backend, rootKey: FixedRootKey()) }
        require(mode % 3 != 0 || Honest.contains([0] + content), "a backup is restored that was changed")
        // It opens with somebody's word only.
        let closed = try? wait { try await SealedStore(backend, rootKey: FixedRootKey()) }
        require(closed == nil, "a restored store opens without anybody's word")
        let entries = try wait {
            let store = try await SealedStore(backend, rootKey: FixedRootKey(), acceptingRollback: true)
            return await store.count(EntryFamily(rawValue: "fruit"))
        }
        require(entries <= restored.entries, "a store has more entries than its backup")
    }

    /// The file as somebody with all keys would have written it.
    private static func mended(_ bytes: [UInt8], head mendsHead: Bool) throws -> [UInt8] {
        guard bytes.count > BackupHeader.size else { return bytes }
        var header = try BackupHeader(Array(bytes.prefix(BackupHeader.size)))
        let record = header.keyring
        let keyring = try wait {
            try await SealedStore.open(keyring: record, [FixedRootKey()], master: nil).opened.get()
        }
        var records = Array(bytes.dropFirst(BackupHeader.size))
        if mendsHead {
            let path = Scratch.write("unmended", bytes)
            let entries = try BackupFile.read(path).records(UInt64(records.count)).entries
            var sum = EntrySum()
            for (name, place) in entries { sum.add(keyring.term(name, place.mark)) }
            let head = StoreHead(
                revision: header.revision, sum: sum, keyring: Array(SHA256.hash(data: header.keyring)))
            let blob = try keyring.seal(record: head.bytes, name: StoredName.head, version: head.revision)
            var writer = ByteWriter()
            writer.u8(3)
            writer.u8(UInt8(StoredName.head.count))
            writer.append(StoredName.head)
            writer.u32BE(UInt32(blob.count))
            writer.append(blob)
            records += writer.bytes
            header.entries = UInt64(entries.count)
        }
        header.length = UInt64(records.count)
        header.digest = Array(SHA256.hash(data: records))
        return try header.signed(by: keyring) + records
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        Fixed.made {
            let path = "\(Scratch.folder)/seed"
            let store = try filled()
            _ = try wait { try await store.backup(to: path) }
            let file = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            unlink(path)
            return [[0] + file, [1] + file, [2] + file]
        }
    }
}
