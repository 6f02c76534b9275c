import Crypto
import Envelope
import WireFormat

/// How names look in the database. The first byte says what is behind a name.
public enum StoredName {
    /// The store's own records: head, keyring and notes of removals.
    static let record: UInt8 = 0
    /// Entries.
    static let entry: UInt8 = 1

    /// The record of revision and sum.
    public static let head: [UInt8] = [record] + Array("head".utf8)
    /// The record of sealed keys.
    static let keyring: [UInt8] = [record] + Array("keyring".utf8)
    private static let notes: [UInt8] = [record] + Array("removed/".utf8)

    /// The note of what the commit of `revision` removed.
    static func note(_ revision: UInt64) -> [UInt8] {
        notes + withUnsafeBytes(of: revision.bigEndian) { Array($0) }
    }

    /// The revision of a note's name; nil when it is another name.
    static func revision(ofNote name: [UInt8]) -> UInt64? {
        guard name.count == notes.count + 8, name.starts(with: notes) else { return nil }
        return name.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Whether a name is one of the store's own records.
    public static func isRecord(_ name: [UInt8]) -> Bool { name.first != entry }
}

/// Which writing of an entry a blob is: the revision that wrote it and the seal's tag, which no two seals share.
public struct StoredMark: Hashable, Sendable {
    /// The store's revision that wrote it.
    public let version: UInt64
    private let tag: UInt64
    private let tagEnd: UInt64

    /// Takes the mark from a blob; a blob too short to be one has a mark that no seal has.
    public init(of blob: [UInt8]) {
        guard blob.count >= StoredBlob.overhead else {
            (version, tag, tagEnd) = (0, 0, 0)
            return
        }
        func number(_ start: Int) -> UInt64 { blob[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        version = number(5)
        tag = number(blob.count - 16)
        tagEnd = number(blob.count - 8)
    }

    /// The bytes that the head's sum is made over.
    func append(to bytes: inout [UInt8]) {
        for number in [version, tag, tagEnd] {
            withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
        }
    }
}

/// The sealed form of one entry.
///
/// Layout: format (1 byte, 1), number of the data key (4, big-endian), version (8, big-endian), nonce (12), ciphertext,
/// tag (16). AES-256-GCM; authenticated are the name in the database, which is a keyed hash of family and name, and the
/// header. So a blob opens under its own name and version only.
enum StoredBlob {
    static let format: UInt8 = 1
    static let header = 13
    static let overhead = header + 12 + 16

    /// Seals `plain` for the name.
    static func seal(
        _ plain: [UInt8], name: [UInt8], version: UInt64, number: UInt32, key: SymmetricKey
    ) throws(StoreFailure) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(format)
        writer.u32BE(number)
        writer.u64BE(version)
        guard
            let box = try? AES.GCM.seal(plain, using: key, authenticating: name + writer.bytes),
            let combined = box.combined
        else { throw StoreFailure(.failed, "an entry cannot be sealed") }
        return writer.bytes + combined
    }

    /// The number of the data key that sealed `blob`.
    static func keyNumber(_ blob: [UInt8]) throws(StoreFailure) -> UInt32 {
        guard blob.count >= overhead, blob[0] == format else { throw damaged }
        return blob[1..<5].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Opens what ``seal(_:name:version:number:key:)`` made.
    static func open(_ blob: [UInt8], name: [UInt8], key: SymmetricKey) throws(StoreFailure) -> [UInt8] {
        guard blob.count >= overhead, blob[0] == format,
            let box = try? AES.GCM.SealedBox(combined: blob[header...]),
            let plain = try? AES.GCM.open(box, using: key, authenticating: name + blob[..<header])
        else { throw damaged }
        return Array(plain)
    }

    static let damaged = StoreFailure(
        .tampered, "a stored entry does not open: it was changed or moved, or its data key is gone")
}
