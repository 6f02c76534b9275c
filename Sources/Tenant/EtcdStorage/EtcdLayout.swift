import Foundation
import SealedStorage
import WireFormat

/// How the store's entries lie in etcd. All keys are text, so that etcd's own tools show them:
///
///     PREFIX/e/HEX-NAME            an entry, or where its pieces are
///     PREFIX/p/RANDOM/INDEX        a piece of a large entry
///     PREFIX/j/SLOT                which entries the commit of a revision wrote, for other replicas
///
/// Nothing here is trusted: the store checks all that comes back.
struct EtcdLayout: Sendable {
    let prefix: String

    /// The revisions whose commits are remembered.
    static let journalSlots: UInt64 = 1024

    func entry(_ name: [UInt8]) -> Data { Data("\(prefix)/e/\(Hex.encode(name))".utf8) }

    /// The entry's name; nil for another key.
    func name(_ key: Data) -> [UInt8]? {
        let text = String(decoding: key, as: UTF8.self)
        guard text.hasPrefix("\(prefix)/e/") else { return nil }
        return try? Hex.decode(String(text.dropFirst(prefix.count + 3)), field: "name")
    }

    func journal(_ revision: UInt64) -> Data {
        Data(
            "\(prefix)/j/\(Hex.encode(withUnsafeBytes(of: UInt16(revision % Self.journalSlots).bigEndian) { Array($0) }))"
                .utf8)
    }

    var pieces: Data { Data("\(prefix)/p/".utf8) }

    func pieces(_ id: [UInt8]) -> Data { Data("\(prefix)/p/\(Hex.encode(id))/".utf8) }

    func piece(_ id: [UInt8], _ index: Int) -> Data {
        pieces(id) + Data(Hex.encode(withUnsafeBytes(of: UInt16(index).bigEndian) { Array($0) }).utf8)
    }

    /// The id within a piece's key; nil for another key.
    func id(_ key: Data) -> [UInt8]? {
        let start = pieces
        guard key.starts(with: start), key.count == start.count + 2 * PieceReference.idLength + 5 else { return nil }
        return try? Hex.decode(
            String(decoding: key.dropFirst(start.count).prefix(2 * PieceReference.idLength), as: UTF8.self), field: "id"
        )
    }

    /// The end of the range of all keys that start with `key`.
    static func end(_ key: Data) -> Data {
        // Keys are text: their last byte is below 255.
        var end = key
        if let last = end.popLast() { end.append(last &+ 1) }
        return end
    }
}

/// Where the pieces of a large entry are, with enough of it to know which writing it is.
struct PieceReference: Equatable {
    static let idLength = 12
    static let pieceLength = 512 << 10
    static let blobLimit = 32 << 20

    /// Random, so that pieces of two writings never have the same key.
    let id: [UInt8]
    let count: Int
    let length: Int
    /// The blob's first 25 and last 16 bytes: header, nonce and tag.
    let stub: [UInt8]

    init(_ blob: [UInt8]) {
        id = (0..<Self.idLength).map { _ in .random(in: .min ... .max) }
        count = (blob.count + Self.pieceLength - 1) / Self.pieceLength
        length = blob.count
        stub = blob.prefix(25) + blob.suffix(16)
    }

    fileprivate init?(_ reader: inout ByteReader) {
        do throws(WireError) {
            id = try reader.bytes(Self.idLength, "id")
            count = Int(try reader.u16BE("count"))
            length = Int(try reader.u32BE("length"))
            stub = try reader.bytes(41, "stub")
            try reader.finish()
        } catch {
            return nil
        }
        guard length <= Self.blobLimit, count == (length + Self.pieceLength - 1) / Self.pieceLength else {
            return nil
        }
    }
}

/// What lies under an entry's key.
enum EtcdValue: Equatable {
    case whole([UInt8])
    case pieces(PieceReference)

    init(_ value: Data) {
        var reader = ByteReader(value)
        switch try? reader.u8("form") {
        case 0: self = .whole(reader.rest())
        case 1: self = PieceReference(&reader).map { .pieces($0) } ?? .whole([])
        // Somebody else wrote it: it has a mark that no entry has.
        default: self = .whole([])
        }
    }

    var bytes: Data {
        var writer = ByteWriter()
        switch self {
        case .whole(let blob):
            writer.u8(0)
            writer.append(blob)
        case .pieces(let reference):
            writer.u8(1)
            writer.append(reference.id)
            writer.u16BE(UInt16(reference.count))
            writer.u32BE(UInt32(reference.length))
            writer.append(reference.stub)
        }
        return Data(writer.bytes)
    }

    /// As much of the blob as is here: for a large one what its mark is made of.
    var shown: [UInt8] {
        switch self {
        case .whole(let blob): blob
        case .pieces(let reference): reference.stub
        }
    }
}

/// What a commit wrote, for replicas that want to know what is new, and for its writer when the answer was lost.
struct JournalRecord: Equatable {
    let revision: UInt64
    /// The tag of the head that the commit wrote, which no two commits share.
    let id: [UInt8]
    /// The position that it followed.
    let previous: UInt64
    let names: [[UInt8]]

    init(head: [UInt8], previous: UInt64, names: [[UInt8]]) {
        revision = StoredMark(of: head).version
        id = Array(head.suffix(16))
        self.previous = previous
        self.names = names
    }

    init?(_ value: Data) {
        var reader = ByteReader(value)
        do throws(WireError) {
            revision = try reader.u64BE("revision")
            id = try reader.bytes(16, "id")
            previous = try reader.u64BE("previous")
            var names: [[UInt8]] = []
            while reader.remaining > 0 { names.append(try reader.bytes(Int(try reader.u8("length")), "name")) }
            self.names = names
        } catch {
            return nil
        }
    }

    var bytes: Data {
        var writer = ByteWriter()
        writer.u64BE(revision)
        writer.append(id)
        writer.u64BE(previous)
        for name in names {
            writer.u8(UInt8(truncatingIfNeeded: name.count))
            writer.append(name)
        }
        return Data(writer.bytes)
    }
}
