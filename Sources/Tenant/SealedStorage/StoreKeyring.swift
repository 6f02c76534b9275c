import Crypto
import Envelope
import WireFormat

/// The keys of a store: data keys by number, one key for names and one for the head's sum.
///
/// It lies in the store itself, sealed under a master key of 32 bytes that only the root key opens: another root key costs one
/// small write, a new data key none of what is stored.
struct StoreKeyring: Sendable {
    private var data: [UInt32: SecretBytes]
    /// The number of the data key that seals what is written now.
    private(set) var current: UInt32
    private let names: SecretBytes
    private let sums: SecretBytes
    private var master: SecretBytes

    /// The context to which the root key binds the master key.
    static let context = Array("testudo store master key".utf8)
    private static let form = 1

    /// Makes the keys of a new store.
    init() {
        data = [1: SecretBytes(random: 32)]
        current = 1
        names = SecretBytes(random: 32)
        sums = SecretBytes(random: 32)
        master = SecretBytes(random: 32)
    }

    /// Lets a new data key seal from now on; the old ones go on opening.
    mutating func addDataKey() {
        current += 1
        data[current] = SecretBytes(random: 32)
    }

    /// Forgets the data keys that seal nothing any more: whatever is still sealed by them can never be read again.
    mutating func forgetOldDataKeys() { data = data.filter { $0.key == current } }

    /// Whether there are data keys besides the current one.
    var hasOldDataKeys: Bool { data.count > 1 }

    /// Takes a new master key, so that whoever knows the one before learns nothing of what is written from now on.
    mutating func renewMaster() { master = SecretBytes(random: 32) }

    /// Opens the record under the master key.
    init(_ sealed: some Sequence<UInt8>, master: SecretBytes) throws(StoreFailure) {
        let key = master.withBytes { SymmetricKey(data: $0) }
        guard let box = try? AES.GCM.SealedBox(combined: Array(sealed)),
            let plain = try? AES.GCM.open(box, using: key, authenticating: StoredName.keyring)
        else { throw StoreFailure(.tampered, "the store's keyring does not open under its master key") }
        do {
            var reader = ByteReader(Array(plain))
            guard try reader.u8("form") == Self.form else { throw WireError(field: "form", reason: "is unknown") }
            current = try reader.u32BE("current")
            names = SecretBytes(try reader.bytes(32, "names"))
            sums = SecretBytes(try reader.bytes(32, "sums"))
            var found: [UInt32: SecretBytes] = [:]
            while reader.remaining > 0 {
                let number = try reader.u32BE("number")
                found[number] = SecretBytes(try reader.bytes(32, "key"))
            }
            guard found[current] != nil else { throw WireError(field: "current", reason: "names no key") }
            data = found
            self.master = master
        } catch {
            throw StoreFailure(.tampered, "the store's keyring cannot be read: \(error)")
        }
    }

    /// The record's second half: the keys under the master key.
    func sealed() throws(StoreFailure) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(UInt8(Self.form))
        writer.u32BE(current)
        writer.append(names.copyBytes())
        writer.append(sums.copyBytes())
        for (number, key) in data.sorted(by: { $0.key < $1.key }) {
            writer.u32BE(number)
            writer.append(key.copyBytes())
        }
        let key = master.withBytes { SymmetricKey(data: $0) }
        guard let box = try? AES.GCM.seal(writer.bytes, using: key, authenticating: StoredName.keyring),
            let combined = box.combined
        else { throw StoreFailure(.failed, "the keyring cannot be sealed") }
        return combined.map { $0 }
    }

    /// Seals an entry or record again under the current data key, as the same version; nil when it is so already.
    func resealed(_ blob: [UInt8], name: [UInt8]) throws(StoreFailure) -> [UInt8]? {
        guard try StoredBlob.keyNumber(blob) != current else { return nil }
        return try seal(
            record: try open(record: blob, name: name), name: name, version: StoredMark(of: blob).version)
    }

    /// Authenticates a backup's header, which says what the rest is.
    func backupCode(_ header: [UInt8]) -> [UInt8] {
        let key = SecretBytes(hash("testudo store backup", master))
        return hash(header, key)
    }

    /// The key that the root key wraps.
    var masterKey: SecretBytes { master }

    /// The name of an entry in the database: its kind, eight bytes for the family, twenty-four for both.
    func storedName(_ key: EntryKey) -> [UInt8] {
        let full = hash("name\n\(key.family.rawValue)\n\(key.name)", names)
        return prefix(key.family) + full.prefix(24)
    }

    /// What the names of a family start with.
    func prefix(_ family: EntryFamily) -> [UInt8] {
        [StoredName.entry] + hash("family\n\(family.rawValue)", names).prefix(8)
    }

    /// What an entry adds to the head's sum.
    func term(_ name: [UInt8], _ mark: StoredMark) -> EntrySum {
        var bytes = name
        mark.append(to: &bytes)
        return EntrySum(hash(bytes, sums))
    }

    /// The key with which the roll-back counter tells its own values.
    var counterKey: SecretBytes { SecretBytes(hash("roll-back counter", sums)) }

    /// Seals an entry; its name goes in with it, so that a list can say it.
    func seal(_ value: [UInt8], as key: EntryKey, version: UInt64) throws(StoreFailure) -> [UInt8] {
        let name = Array(key.name.utf8)
        guard name.count <= EntryKey.nameLimit else { throw StoreFailure(.limit, "the name is too long") }
        var writer = ByteWriter()
        writer.u16BE(UInt16(name.count))
        writer.append(name)
        writer.append(value)
        return try seal(record: writer.bytes, name: storedName(key), version: version)
    }

    /// Opens an entry.
    func open(_ blob: [UInt8], name: [UInt8]) throws(StoreFailure) -> StoredEntry {
        var reader = ByteReader(try open(record: blob, name: name))
        do {
            let text = String(decoding: try reader.bytes(Int(try reader.u16BE("length")), "name"), as: UTF8.self)
            return StoredEntry(name: text, value: reader.rest(), version: StoredMark(of: blob).version)
        } catch {
            throw StoredBlob.damaged
        }
    }

    /// Seals one of the store's own records.
    func seal(record: [UInt8], name: [UInt8], version: UInt64) throws(StoreFailure) -> [UInt8] {
        guard let key = data[current] else { throw StoreFailure(.failed, "the current data key is missing") }
        return try StoredBlob.seal(
            record, name: name, version: version, number: current, key: key.withBytes { SymmetricKey(data: $0) })
    }

    /// Opens one of the store's own records.
    func open(record blob: [UInt8], name: [UInt8]) throws(StoreFailure) -> [UInt8] {
        guard let key = data[try StoredBlob.keyNumber(blob)] else { throw StoredBlob.damaged }
        return try StoredBlob.open(blob, name: name, key: key.withBytes { SymmetricKey(data: $0) })
    }

    private func hash(_ text: String, _ key: SecretBytes) -> [UInt8] { hash(Array(text.utf8), key) }

    private func hash(_ bytes: [UInt8], _ key: SecretBytes) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key.withBytes { SymmetricKey(data: $0) }))
    }
}
