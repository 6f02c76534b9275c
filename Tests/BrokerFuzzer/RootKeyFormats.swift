import Crypto
import Envelope
import Foundation
import Fuzzing
import WireFormat

@testable import EtcdStorage
@testable import RootKeys
@testable import SealedStorage

/// Wrapped keys, and the files and settings of root keys and counters.
enum RootKeyFormat: FormatFamily {
    static let room = 4_096
    static let shape = Shape.chosen { bytes in
        func number(_ width: Int) -> Field { .number(width, bigEndian: true) }
        func sized(_ shape: Shape = .raw) -> Field { .sized(2, bigEndian: true, shape) }
        switch bytes.first {
        case 1: return .fields([.number(1), .bytes(8), .bytes(12), .bytes(32), .bytes(16)])
        case 0xBA:
            let blob: [Field] = [number(4), sized(), number(2), number(4), sized(), number(4), sized()]
            return .fields([number(4), number(4), number(4), number(4), number(8), sized(.fields(blob))])
        default: return .any
        }
    }
    static let sources = ["WrappedKey", "WrappingSecret", "TPM/TPMKeyFile", "TPM/PCRSelection", "TPM/StoragePrimary"]
        .map { "Sources/Tenant/RootKeys/\($0).swift" }

    private static let context = Array("context".utf8)
    private static let key = SecretBytes(Fixed.bytes(47))

    static func run(_ bytes: [UInt8]) throws {
        var failure: (any Error)?
        func attempt(_ body: () throws -> Void) { do { try body() } catch { failure = error } }
        attempt {
            let wrapped = try WrappedKey(bytes, kind: "file")
            require(wrapped.bytes == bytes, "a wrapped key is not given back")
            let opened = try FixedRootKey.secret.unwrap(bytes, context: context, kind: "file")
            require(opened == key, "a wrapped key opens as another")
            require(Honest.contains(bytes), "a wrapped key opens that was changed")
            let elsewhere = try? FixedRootKey.secret.unwrap(bytes, context: context + [0], kind: "file")
            require(elsewhere == nil, "a wrapped key opens in another place")
        }
        attempt {
            let file = try TPMKeyFile(parsing: bytes)
            require(try TPMKeyFile(parsing: file.json.canonicalBytes) == file, "a file that is written is another")
        }
        attempt {
            let file = try TPMCounterFile(parsing: bytes)
            require(try TPMCounterFile.index(file.text, field: "index") == file.index, "an index is another")
        }
        attempt {
            let name = try StoragePrimary.name(inContext: bytes)
            require(name.count == 34 && name.starts(with: [0, 0x0B]), "a name of another form")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        attempt {
            let selection = try PCRSelection(text)
            require(try PCRSelection(selection.description) == selection, "a selection is another")
            _ = selection.policyDigest(selection.registers.map { _ in [0] })
            for register in selection.registers { _ = PCRSelection.meaning(of: register) }
        }
        _ = TPMCommands.response(in: text)
        attempt { try settings(try JSONValue.parse(bytes)) }
        // Files are read from the disk, which takes longer than all the rest.
        if bytes.count < 128 || bytes.first == UInt8(ascii: "{"), bytes.count % 4 == 0 {
            let path = Scratch.write("root.key", bytes)
            attempt { _ = try FileRootKey(file: path) }
            attempt {
                let value = try wait { try await FileCounter(file: path, key: key).value() }
                require(value > 0, "a counter without a value")
            }
        }
        if let failure { throw failure }
    }

    private static func settings(_ json: JSONValue) throws {
        if let counter = try? CounterConfiguration(json, absolute: { "/\($0)" }) {
            require(counter == (try? CounterConfiguration(json, absolute: { "/\($0)" })), "a counter is two")
        }
        let settings = try RootKeyConfiguration(json, absolute: { $0.hasPrefix("/") ? $0 : "/\($0)" })
        let again = try? RootKeyConfiguration(settings.json, absolute: { $0 })
        require(again == settings, "settings that are written are others")
        require(["file", "tpm", "pkcs11"].contains(settings.kind), "a root key of an unknown kind")
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let selection = Fixed.made { try PCRSelection("sha256:0,7") }
        let values = [Fixed.bytes(48), Fixed.bytes(49)]
        var sealed = ByteWriter()
        sealed.u16BE(0x0008)
        sealed.u16BE(0x000B)
        sealed.u32BE(0x0000_0412)
        sealed.counted(selection.policyDigest(values))
        sealed.append([0, 0x10, 0, 0])
        var publicPart = ByteWriter()
        publicPart.counted(sealed.bytes)
        let file = TPMKeyFile(
            parent: Fixed.bytes(50, 34), selection: selection, values: values, publicPart: publicPart.bytes,
            privatePart: Fixed.bytes(51, 200), check: Fixed.bytes(52))
        let tag = { (value: String) in
            Hex.encode(
                HMAC<SHA256>.authenticationCode(
                    for: Array("testudo counter \(value)".utf8), using: key.withBytes { SymmetricKey(data: $0) }))
        }
        let documents: [JSONValue] = [
            file.json,
            [
                "format": "testudo-tpm-counter/1", "index": "0x01810001",
                "name": .string(Hex.encode(Fixed.bytes(53, 34))), "parent": .string(Hex.encode(Fixed.bytes(54, 34))),
            ],
            ["format": "testudo-file-counter/1", "value": "7", "tag": .string(tag("7"))],
            [
                "format": "testudo-file-counter/1", "value": "18446744073709551615",
                "tag": .string(tag("18446744073709551615")),
            ],
            ["kind": "tpm", "file": "root.tpm", "tcti": "swtpm:host=localhost,port=2321", "ownerAuth": "a"],
            ["kind": "pkcs11", "module": "/m", "token": "t", "pinFile": "p", "key": "k", "timeoutSeconds": 5],
            ["kind": "file", "file": "root.key", "timeoutSeconds": 5], ["kind": "file", "file": "root.key"], "root.key",
        ]
        let texts = [
            "sha384:0,1,2,3,4,5,7,8,9,10,11,12,14,15,23", "sha256:0", Hex.encode(Fixed.bytes(55)) + "\n",
            "ERROR: Esys_Unseal(0x99D) - tpm:session(1):a policy check failed\nErrorCode (0x0000099d) (0x7001B)",
        ]
        let wrapped = Fixed.made { try FixedRootKey.secret.wrap(key, context: context, kind: "file") }
        let other = Fixed.made { try WrappingSecret(key).wrap(key, context: context, kind: "file") }
        return [wrapped, other, primary] + documents.map(\.canonicalBytes) + texts.map { Array($0.utf8) }
    }
}

extension RootKeyFormat {
    /// A context file of a storage primary.
    private static var primary: [UInt8] {
        let area: [UInt8] = [0x00, 0x23, 0x00, 0x0B] + Fixed.bytes(56, 80)
        var blob = ByteWriter()
        blob.u32BE(0)
        blob.counted(Fixed.bytes(57, 40))
        blob.u16BE(0)
        blob.u32BE(0x8000_0000)
        blob.counted([0x00, 0x0B] + Array(SHA256.hash(data: area)))
        blob.u32BE(1)
        blob.counted(area)
        var writer = ByteWriter()
        for number: UInt32 in [0xBADC_C0DE, 1, 0x4000_0001, 0x8000_0000] { writer.u32BE(number) }
        writer.u64BE(5)
        writer.counted(blob.bytes)
        return writer.bytes
    }
}

/// What etcd answers. The first byte says what follows: 0 a value, 1 a record of the journal, 2 a key, 3 the address of a member,
/// 4 a page of entries, 5 the answer to a commit.
enum EtcdFormat: FormatFamily {
    static let shape = Shape.chosen { bytes in
        func number(_ width: Int) -> Field { .number(width, bigEndian: true) }
        let fields: [Field] =
            switch bytes.first {
            case 0: [.number(1), .bytes(12), number(2), number(4), .bytes(41)]
            case 1: [number(8), .bytes(16), number(8), .many([.sized(1)])]
            default: [.rest(.raw)]
            }
        return .fields([.bytes(1)] + fields)
    }
    static let sources = ["EtcdLayout", "EtcdConfiguration", "EtcdProgress"].map {
        "Sources/Tenant/EtcdStorage/\($0).swift"
    }

    private static let layout = EtcdLayout(prefix: "testudo")
    private static let name = [UInt8](repeating: 1, count: 33)

    static func run(_ bytes: [UInt8]) throws {
        let rest = Data(bytes.dropFirst())
        switch bytes.first {
        case 0:
            let value = EtcdValue(rest)
            require(EtcdValue(value.bytes) == value, "a value that is written is another")
            if case .pieces(let reference) = value {
                require(reference.length <= PieceReference.blobLimit, "an entry in pieces is too long")
                require(reference.count * PieceReference.pieceLength >= reference.length, "an entry has too few pieces")
                _ = layout.piece(reference.id, max(reference.count - 1, 0))
            }
            _ = StoredMark(of: value.shown)
        case 1:
            guard let record = JournalRecord(rest) else { return }
            require(record.bytes == rest, "a record of the journal is not given back")
        case 2:
            if let found = layout.name(rest) {
                require(layout.name(layout.entry(found)) == found, "an entry has another name")
            }
            if let id = layout.id(rest) { require(layout.id(layout.piece(id, 0)) == id, "a piece has another name") }
            _ = EtcdLayout.end(rest)
        case 3:
            let configuration = EtcdConfiguration(
                endpoints: [String(decoding: rest, as: UTF8.self)], authorities: rest.count % 2 == 0 ? "ca" : nil,
                prefix: String(decoding: rest.prefix(rest.count % 3), as: UTF8.self))
            // Whoever configures the broker reads his own words.
            for endpoint in (try? configuration.checkedEndpoints()) ?? [] {
                require((1...65_535).contains(endpoint.port) && !endpoint.host.isEmpty, "an address without a host")
                require(
                    endpoint.isTLS || endpoint.host.contains("1") || endpoint.host == "localhost", "far without TLS")
            }
        case 4: try page(rest)
        default: try outcome(rest)
        }
    }

    private static func page(_ bytes: Data) throws {
        let page = try Etcdserverpb_RangeResponse(serializedBytes: Array(bytes))
        var progress = EtcdProgress()
        for entry in page.kvs {
            let value = EtcdValue(entry.value)
            let newer = EtcdProgress(
                position: EtcdProgress.position(entry.modRevision), revision: StoredMark(of: value.shown).version)
            require(progress.next.count <= 6, "too much of the journal is read")
            require(progress.gap(to: newer).count <= 100, "too much of the journal is read")
            let names = progress.names(page.kvs, to: newer)
            require((names ?? []).allSatisfy { $0.count <= 255 }, "a name is too long")
            progress.note(newer)
            require(progress.at(progress.position) == progress, "a commit is forgotten")
            _ = (layout.name(entry.key), layout.id(entry.key))
        }
    }

    private static func outcome(_ bytes: Data) throws {
        let answer = try Etcdserverpb_TxnResponse(serializedBytes: Array(bytes))
        let head = keyringHead
        let journal = JournalRecord(head: head, previous: 3, names: [name])
        let position = try EtcdProgress.outcome(answer, journal)
        require(answer.succeeded || position == nil || answer.responses.count == 2, "a commit happened that did not")
    }

    private static let keyringHead = Fixed.made {
        try StoreFormat.keyring.seal(record: [1], name: StoredName.head, version: 5)
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let large = PieceReference([UInt8](repeating: 7, count: 700_000))
        let journal = JournalRecord(head: keyringHead, previous: 3, names: [name, StoredName.head])
        func entry(_ key: Data, _ value: Data, _ revision: Int64) -> Etcdserverpb_KeyValue {
            var entry = Etcdserverpb_KeyValue()
            entry.key = key
            entry.value = value
            entry.modRevision = revision
            return entry
        }
        var page = Etcdserverpb_RangeResponse()
        page.kvs = [
            entry(layout.entry(StoredName.head), EtcdValue.whole(keyringHead).bytes, 4),
            entry(layout.entry(name), EtcdValue.pieces(large).bytes, -1),
            entry(layout.journal(5), journal.bytes, 9), entry(layout.piece(large.id, 1), Data([1]), .max),
        ]
        var answer = Etcdserverpb_TxnResponse()
        answer.header.revision = 9
        answer.responses = [Etcdserverpb_ResponseOp(), Etcdserverpb_ResponseOp()]
        answer.responses[1].responseRange.kvs = [entry(layout.journal(5), journal.bytes, 9)]
        return Fixed.made {
            let pages: [[UInt8]] = [try page.serializedBytes(), try answer.serializedBytes()]
            answer.succeeded = true
            let good: [UInt8] = try answer.serializedBytes()
            return [
                [0] + Array(EtcdValue.pieces(large).bytes), [0] + Array(EtcdValue.whole([1, 2]).bytes), [0, 9],
                [1] + Array(journal.bytes), [2] + Array(layout.entry(name)), [2] + Array(layout.piece(large.id, 3)),
                [3] + Array("https://[::1]:2379".utf8), [3] + Array("http://localhost:1".utf8), [3] + Array("a:b".utf8),
                [4] + pages[0], [5] + pages[1], [5] + good,
            ]
        }
    }
}
