import Glibc
import WireFormat

/// The last log records of one revision, as the guest sent them: the host keeps ciphertext and cannot read it.
///
/// Two files of at most ``segmentLimit`` bytes each; when the newer is full it replaces the older. A record torn by a
/// crash is dropped when reading.
public actor SealedLogRing {
    /// One kept record.
    public struct Record: Equatable, Sendable {
        /// The instance that sent it.
        public let instance: String
        /// The record, sealed to the tenant for confidential pods.
        public let bytes: [UInt8]

        /// Creates a record.
        public init(instance: String, bytes: [UInt8]) {
            self.instance = instance
            self.bytes = bytes
        }
    }

    /// The most bytes in one of the two files.
    public let segmentLimit: Int
    /// The most bytes of one record.
    public static let recordLimit = 64 << 10
    private let path: String

    /// Opens the ring whose newer file is at `path`.
    public init(path: String, segmentLimit: Int = 512 << 10) {
        self.path = path
        self.segmentLimit = segmentLimit
    }

    /// Adds a record; one over ``recordLimit`` is refused.
    public func append(_ record: Record) throws(AtomicFile.Failure) {
        guard record.bytes.count <= Self.recordLimit, record.instance.utf8.count < 256 else {
            throw AtomicFile.Failure("keep a record of \(record.bytes.count) bytes in", self.path, code: EMSGSIZE)
        }
        let file = open(self.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw AtomicFile.Failure("open", self.path) }
        defer { close(file) }
        var frame = ByteWriter()
        frame.u8(UInt8(record.instance.utf8.count))
        frame.append(Array(record.instance.utf8))
        frame.u32BE(UInt32(record.bytes.count))
        frame.append(record.bytes)
        let written = frame.bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        guard written == frame.bytes.count else { throw AtomicFile.Failure("write", self.path) }
        if lseek(file, 0, SEEK_END) > self.segmentLimit { rename(self.path, "\(self.path).old") }
    }

    /// All records kept, oldest first.
    public func records() -> [Record] {
        ["\(self.path).old", self.path].flatMap { path -> [Record] in
            guard let bytes = try? AtomicFile.read(path) else { return [] }
            var reader = ByteReader(bytes)
            var found: [Record] = []
            while reader.remaining > 0, let record = try? Self.next(&reader) { found.append(record) }
            return found
        }
    }

    private static func next(_ reader: inout ByteReader) throws(WireError) -> Record {
        let name = try reader.bytes(Int(reader.u8("instance length")), "instance")
        let length = Int(try reader.u32BE("record length"))
        return Record(instance: String(decoding: name, as: UTF8.self), bytes: try reader.bytes(length, "record"))
    }
}
