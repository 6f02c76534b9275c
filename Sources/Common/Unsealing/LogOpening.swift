import Crypto
import Envelope
import WireFormat

/// A log record in clear.
public struct OpenedRecord: Equatable, Sendable {
    /// Its number within its seal.
    public let sequence: UInt64
    /// What the guest said the records belong to. It is authenticated, yet any holder of the public key can write
    /// records: ``VouchedLog`` compares it with what evidence said.
    public let info: [UInt8]
    /// SHA-256 of the encapsulated key of its seal.
    public let keyDigest: Envelope.SHA256Digest
    /// The record.
    public let bytes: [UInt8]
    /// How many records of the same seal are missing directly before this one.
    public let missing: UInt64
    /// Whether this is the first record of a seal that this reader had not seen.
    public let startsSeal: Bool
}

/// Opens sealed log records with the tenant's key and reports gaps. Records of several seals may follow each other.
public struct LogOpening: Sendable {
    private struct Seal: Sendable {
        let key: SymmetricKey
        var next: UInt64
    }

    /// A record's parts; nothing of them is authenticated yet.
    private struct Parts {
        let sequence: UInt64
        let info, encapsulated, body: [UInt8]

        init(_ record: [UInt8]) throws(WireError) {
            var reader = ByteReader(record)
            guard try reader.u8("version") == LogFormat.version else {
                throw WireError(field: "version", reason: "unknown")
            }
            sequence = try reader.u64BE("sequence")
            info = try reader.bytes(Int(try reader.u16BE("info length")), "info")
            encapsulated = try reader.bytes(Int(try reader.u16BE("key length")), "key")
            body = reader.rest()
        }
    }

    private let privateKey: P256.KeyAgreement.PrivateKey
    private var seals: [[UInt8]: Seal] = [:]
    private static let failure = EnvelopeError("the log record does not open with this key")

    /// Starts reading with the tenant's key.
    public init(privateKey: P256.KeyAgreement.PrivateKey) { self.privateKey = privateKey }

    /// Opens the next record.
    ///
    /// - Throws: ``EnvelopeError`` for a changed record, a wrong key, and a record that was seen before or is out of order.
    public mutating func open(_ record: [UInt8]) throws(EnvelopeError) -> OpenedRecord {
        let parts: Parts
        do { parts = try Parts(record) } catch { throw Self.failure }
        let (sequence, info, encapsulated, body) = (parts.sequence, parts.info, parts.encapsulated, parts.body)
        let identity = LogFormat.header(sequence: 0, info: info, encapsulated: encapsulated)
        let known = seals[identity]
        guard body.count > 16, body.count % LogFormat.bucket == 16, sequence >= known?.next ?? 0, sequence < UInt64.max
        else { throw Self.failure }
        let key: SymmetricKey
        if let known { key = known.key } else { key = try agree(info, encapsulated) }
        let header = LogFormat.header(sequence: sequence, info: info, encapsulated: encapsulated)
        guard let nonce = try? ChaChaPoly.Nonce(data: LogFormat.nonce(sequence)),
            let box = try? ChaChaPoly.SealedBox(
                nonce: nonce, ciphertext: body.dropLast(16), tag: body.suffix(16)),
            let padded = try? ChaChaPoly.open(box, using: key, authenticating: header)
        else { throw Self.failure }
        var reader = ByteReader(padded)
        guard let length = try? reader.u32BE("length"), let bytes = try? reader.bytes(Int(length), "record") else {
            throw Self.failure
        }
        seals[identity] = Seal(key: key, next: sequence + 1)
        return OpenedRecord(
            sequence: sequence, info: info, keyDigest: Envelope.SHA256Digest(hashing: encapsulated), bytes: bytes,
            missing: sequence - (known?.next ?? 0), startsSeal: known == nil)
    }

    /// Which seal a record claims to be of; nil for what has no record's form.
    static func keyDigest(of record: [UInt8]) -> Envelope.SHA256Digest? {
        (try? Parts(record)).map { Envelope.SHA256Digest(hashing: $0.encapsulated) }
    }

    private func agree(_ info: [UInt8], _ encapsulated: [UInt8]) throws(EnvelopeError) -> SymmetricKey {
        guard
            let recipient = try? HPKE.Recipient(
                privateKey: privateKey, ciphersuite: LogFormat.ciphersuite, info: .init(info),
                encapsulatedKey: .init(encapsulated)),
            let key = try? recipient.exportSecret(context: LogFormat.exporter, outputByteCount: 32)
        else { throw Self.failure }
        return key
    }
}
