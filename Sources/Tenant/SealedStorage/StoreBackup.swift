import Crypto
import Foundation
import WireFormat

/// The header of a backup: what the file is, and a code over all of it.
///
/// Layout of the file: a header of 4096 bytes, then records. The header: magic (16 bytes), revision (8, big-endian), entries (8),
/// bytes of records (8), SHA-256 over the records (32), HMAC-SHA-256 over the header with zeros in this place (32), length of the
/// keyring (2), keyring, zeros. The code's key comes from the store's master key, which lies in the keyring under the root key.
///
/// A record: kind (1 byte: 1 an entry, 2 an entry that is gone again, 3 the head), length of the name (1), name, length of the
/// blob (4), blob. All blobs are sealed as they were in the database. Of two records with one name the later counts.
struct BackupHeader {
    static let magic = Array("TESTUDO STORE 1\n".utf8)
    static let size = 4096
    private static let codeOffset = 16 + 8 + 8 + 8 + 32

    var revision: UInt64
    var entries: UInt64
    var length: UInt64
    var digest: [UInt8]
    var keyring: [UInt8]
    var code = [UInt8](repeating: 0, count: 32)

    init(revision: UInt64, entries: UInt64, length: UInt64, digest: [UInt8], keyring: [UInt8]) {
        (self.revision, self.entries, self.length) = (revision, entries, length)
        (self.digest, self.keyring) = (digest, keyring)
    }

    init(_ bytes: [UInt8]) throws(StoreFailure) {
        var reader = ByteReader(bytes)
        do throws(WireError) {
            guard try reader.bytes(16, "magic") == Self.magic else {
                throw WireError(field: "magic", reason: "is not a backup's of format 1")
            }
            revision = try reader.u64BE("revision")
            entries = try reader.u64BE("entries")
            length = try reader.u64BE("length")
            digest = try reader.bytes(32, "digest")
            code = try reader.bytes(32, "code")
            keyring = try reader.bytes(Int(try reader.u16BE("keyring length")), "keyring")
            try reader.zeros(reader.remaining, "padding")
        } catch {
            throw BackupFile.refusal("its header's \(error.field) \(error.reason)")
        }
    }

    func bytes() throws(StoreFailure) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.magic)
        writer.u64BE(revision)
        writer.u64BE(entries)
        writer.u64BE(length)
        writer.append(digest)
        writer.append(code)
        guard writer.bytes.count + 2 + keyring.count <= Self.size else {
            throw StoreFailure(
                .limit, "the keyring is too long for a backup; finish the rotation of the data key first")
        }
        writer.u16BE(UInt16(keyring.count))
        writer.append(keyring)
        writer.pad(to: Self.size)
        return writer.bytes
    }

    /// The header with the code for it.
    func signed(by keys: StoreKeyring) throws(StoreFailure) -> [UInt8] {
        var copy = self
        copy.code = [UInt8](repeating: 0, count: 32)
        copy.code = keys.backupCode(try copy.bytes())
        return try copy.bytes()
    }
}

/// A backup's file while it is written or read.
final class BackupFile {
    enum Kind: UInt8 {
        case entry = 1
        case removal, head
    }

    /// Where a blob lies, and which writing of its entry it is.
    struct Place {
        let offset: UInt64
        let length: Int
        let mark: StoredMark
    }

    private let handle: FileHandle
    let path: String
    private var digest = SHA256()
    private var pending: [UInt8] = []
    private(set) var length: UInt64 = 0

    private init(_ handle: FileHandle, _ path: String) {
        self.handle = handle
        self.path = path
    }

    static func refusal(_ reason: String) -> StoreFailure {
        StoreFailure(.tampered, "the backup cannot be restored: \(reason)")
    }

    /// Makes a new file that only its owner can read.
    static func create(_ path: String) throws(StoreFailure) -> BackupFile {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StoreFailure(.failed, "\(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        let file = BackupFile(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true), path)
        try file.io("written") { try file.handle.write(contentsOf: Data(count: BackupHeader.size)) }
        return file
    }

    static func read(_ path: String) throws(StoreFailure) -> BackupFile {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StoreFailure(.failed, "\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        return BackupFile(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true), path)
    }

    func append(_ kind: Kind, _ name: [UInt8], _ blob: [UInt8] = []) throws(StoreFailure) {
        var writer = ByteWriter()
        writer.u8(kind.rawValue)
        writer.u8(UInt8(truncatingIfNeeded: name.count))
        writer.append(name)
        writer.u32BE(UInt32(blob.count))
        pending += writer.bytes
        pending += blob
        if pending.count > 1 << 20 { try flush() }
    }

    private func flush() throws(StoreFailure) {
        digest.update(data: pending)
        length += UInt64(pending.count)
        try io("written") { try handle.write(contentsOf: Data(pending)) }
        pending = []
    }

    /// Writes what is left and answers the records' hash.
    func finish() throws(StoreFailure) -> [UInt8] {
        try flush()
        return Array(digest.finalize())
    }

    /// Writes the header and waits until all is on disk.
    func seal(_ header: [UInt8]) throws(StoreFailure) {
        try io("written") {
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: Data(header))
            try handle.synchronize()
        }
    }

    /// Reads bytes at an offset; all of them or a refusal.
    func bytes(at offset: UInt64, _ count: Int) throws(StoreFailure) -> [UInt8] {
        let data = try io("read") {
            try handle.seek(toOffset: offset)
            return try handle.read(upToCount: count) ?? Data()
        }
        guard data.count == count else { throw Self.refusal("it ends early") }
        return Array(data)
    }

    /// The records' hash, over exactly `length` bytes to the end of the file.
    func checkedDigest(_ length: UInt64) throws(StoreFailure) -> [UInt8] {
        var digest = SHA256()
        var read: UInt64 = 0
        try io("read") { try handle.seek(toOffset: UInt64(BackupHeader.size)) }
        while true {
            let data = try io("read") { try handle.read(upToCount: 1 << 20) ?? Data() }
            if data.isEmpty { break }
            read += UInt64(data.count)
            guard read <= length else { throw Self.refusal("it is longer than its header says") }
            digest.update(data: data)
        }
        guard read == length else { throw Self.refusal("it is shorter than its header says") }
        return Array(digest.finalize())
    }

    /// Goes through the records; the last of each name counts.
    func records(_ length: UInt64) throws(StoreFailure) -> (entries: [[UInt8]: Place], head: [UInt8]) {
        var entries: [[UInt8]: Place] = [:]
        var head: [UInt8]?
        var offset = UInt64(BackupHeader.size)
        let end = offset + length
        while offset < end {
            let start = try bytes(at: offset, 2)
            let nameLength = Int(start[1])
            let rest = try bytes(at: offset + 2, nameLength + 4)
            let name = Array(rest[..<nameLength])
            let count = rest[nameLength...].reduce(0) { $0 << 8 | Int($1) }
            offset += UInt64(2 + nameLength + 4)
            guard offset + UInt64(count) <= end else { throw Self.refusal("a record is longer than the file") }
            switch Kind(rawValue: start[0]) {
            case .entry:
                guard count >= StoredBlob.overhead, name.first == StoredName.entry, nameLength == StoreIndex.nameLength
                else { throw Self.refusal("a record is no entry") }
                let ends = try bytes(at: offset, 25) + bytes(at: offset + UInt64(count) - 16, 16)
                entries[name] = Place(offset: offset, length: count, mark: StoredMark(of: ends))
            case .removal: entries[name] = nil
            case .head: head = try bytes(at: offset, count)
            case nil: throw Self.refusal("a record is of an unknown kind")
            }
            offset += UInt64(count)
        }
        guard let head else { throw Self.refusal("it has no head") }
        return (entries, head)
    }

    @discardableResult
    private func io<R>(_ what: String, _ body: () throws -> R) throws(StoreFailure) -> R {
        do {
            return try body()
        } catch {
            let isFull = (error as NSError).code == NSFileWriteOutOfSpaceError || errno == ENOSPC
            throw StoreFailure(isFull ? .full : .failed, "\(path) cannot be \(what): \(error.localizedDescription)")
        }
    }
}
