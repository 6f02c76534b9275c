import Envelope
import WireFormat

/// A counter in the memory of a TPM 2.0.
///
/// A TPM never lets such a counter go back, not even when its index is deleted and made again. Its memory wears out
/// after some 100,000 steps, so a store steps it at checkpoints only. Reading and stepping go through a session that is
/// salted to the storage primary whose name the counter's file remembers: another TPM cannot answer.
///
/// Anyone who may use the TPM can step the counter too. The store then looks rolled back, and stays shut.
public final class TPMCounter: RollbackCounter {
    /// Always `tpm`.
    public let kind = "tpm"
    /// The memory of a TPM wears out.
    public let wears = true

    private let settings: TPMSettings
    private let file: TPMCounterFile
    private let thread = SerialThread()

    /// Uses the counter that the file at `path` describes, and reads it once.
    public init(file path: String, _ settings: TPMSettings) async throws(RootKeyFailure) {
        self.settings = settings
        file = try TPMCounterFile.read(path)
        _ = try await value()
    }

    /// Defines a counter, steps it once, and writes its file; an existing file is not replaced.
    ///
    /// - Parameter index: The NV index; nil takes one that is free.
    public static func create(
        file path: String, index: UInt32? = nil, _ settings: TPMSettings
    ) async throws(RootKeyFailure) {
        let target = OwnerOnlyFile(kind: "tpm", what: "counter's file", path: path)
        guard !target.exists else {
            throw target.failure(.exists, "is not replaced", "it exists already", "move it away first")
        }
        let made = try await SerialThread().run(on: settings) { commands throws(RootKeyFailure) in
            try commands.defineCounter(index)
        }
        try made.write(to: path)
    }

    /// Asks the TPM.
    public func value() async throws(RootKeyFailure) -> UInt64 {
        try await thread.run(on: settings) { [file] commands throws(RootKeyFailure) in
            try commands.counter(file, steps: false)
        }
    }

    /// Has the TPM add one.
    public func advance() async throws(RootKeyFailure) -> UInt64 {
        try await thread.run(on: settings) { [file] commands throws(RootKeyFailure) in
            try commands.counter(file, steps: true)
        }
    }
}

/// Where a counter lies: its index, the name of the index, and the TPM.
struct TPMCounterFile: Equatable, Sendable {
    private static let format = "testudo-tpm-counter/1"
    /// Indices that owners of platforms define (TCG registry of reserved handles).
    static let indices: ClosedRange<UInt32> = 0x0180_0000...0x01BF_FFFF

    let index: UInt32
    /// The digest of the index's kind, size and attributes.
    let name: [UInt8]
    /// The name of the TPM's storage primary.
    let parent: [UInt8]

    init(index: UInt32, name: [UInt8], parent: [UInt8]) {
        self.index = index
        self.name = name
        self.parent = parent
    }

    init(parsing bytes: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(bytes), path: "")
        guard try fields.string("format") == Self.format else {
            throw fields.refusal("format", "must be \(Self.format)")
        }
        index = try Self.index(try fields.string("index"), field: "index")
        name = try TPMKeyFile.hex(&fields, "name", 34)
        parent = try TPMKeyFile.hex(&fields, "parent", 34)
        try fields.finish()
    }

    /// Reads an index such as `0x01810001`.
    static func index(_ text: String, field: String) throws(WireError) -> UInt32 {
        guard text.hasPrefix("0x"), text.utf8.count <= 10, let index = UInt32(text.dropFirst(2), radix: 16),
            indices.contains(index)
        else { throw WireError(field: field, reason: "must be an NV index from 0x01800000 to 0x01bfffff") }
        return index
    }

    static func read(_ path: String) throws(RootKeyFailure) -> TPMCounterFile {
        let file = OwnerOnlyFile(kind: "tpm", what: "counter's file", path: path)
        let bytes = try file.read(limit: 4096).copyBytes()
        do {
            return try TPMCounterFile(parsing: bytes)
        } catch {
            throw file.failure(.damaged, "cannot be used", error.description, "restore it from a backup")
        }
    }

    func write(to path: String) throws(RootKeyFailure) {
        let document = JSONValue.object([
            "format": .string(Self.format), "index": .string(text), "name": .string(Hex.encode(name)),
            "parent": .string(Hex.encode(parent)),
        ])
        try OwnerOnlyFile(kind: "tpm", what: "counter's file", path: path)
            .write(SecretBytes(Array((document.prettyText + "\n").utf8)), replacing: false)
    }

    var text: String {
        let digits = String(index, radix: 16)
        return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
