import Crypto
import WireFormat

/// One sealed log record.
public struct SealedRecord: Equatable, Sendable {
    /// Its number within its seal, counted from zero.
    public let sequence: UInt64
    /// The self-contained wire form.
    public let bytes: [UInt8]
}

/// The wire form of sealed log records.
///
/// `u8 version (1) | u64BE sequence | u16BE length, info | u16BE length, encapsulated key | ciphertext and tag`. The key is
/// exported from an HPKE context (RFC 9180, base mode, P-256, HKDF-SHA256, ChaCha20-Poly1305) and used with the sequence
/// number as nonce, so that one lost record does not take the later ones along. Everything before the ciphertext is
/// authenticated with it.
public enum LogFormat {
    /// The only version.
    public static let version: UInt8 = 1
    /// Sealed records come in multiples of this size, which hides the length of lines (rule R22).
    public static let bucket = 256
    /// The longest record.
    public static let maximumRecord = 1 << 20
    /// The longest info.
    public static let maximumInfo = 4096

    /// HPKE's algorithms for logs.
    public static let ciphersuite = HPKE.Ciphersuite(kem: .P256_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .chaChaPoly)
    /// The exporter context of the record key.
    public static let exporter = Array("testudo-log-v1".utf8)

    /// The authenticated bytes before the ciphertext.
    public static func header(sequence: UInt64, info: [UInt8], encapsulated: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(version)
        writer.u64BE(sequence)
        writer.u16BE(UInt16(info.count))
        writer.append(info)
        writer.u16BE(UInt16(encapsulated.count))
        writer.append(encapsulated)
        return writer.bytes
    }

    /// The nonce of the record with this number.
    public static func nonce(_ sequence: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.u32BE(0)
        writer.u64BE(sequence)
        return writer.bytes
    }
}

/// Seals log records to a tenant, one way: whoever holds a seal cannot read what it sealed before it was wiped.
public struct LogSeal: Sendable {
    /// HPKE's encapsulated key, part of every record.
    public let encapsulated: [UInt8]
    /// What evidence names the seal by: nobody but its maker and the recipient can seal under this key (rule R22).
    public var keyDigest: SHA256Digest { SHA256Digest(hashing: encapsulated) }
    private let info: [UInt8]
    private let key: SymmetricKey
    private var next: UInt64 = 0

    /// Starts a chain of records.
    ///
    /// - Parameters:
    ///   - recipient: The tenant's P-256 public key in X9.63 form.
    ///   - info: What the records belong to (manifest digest, instance, epoch); the reader sees and checks it.
    public init(recipient: [UInt8], info: [UInt8]) throws(EnvelopeError) {
        guard info.count <= LogFormat.maximumInfo else { throw EnvelopeError("the log's info is too long") }
        do {
            let sender = try HPKE.Sender(
                recipientKey: P256.KeyAgreement.PublicKey(x963Representation: recipient),
                ciphersuite: LogFormat.ciphersuite, info: .init(info))
            encapsulated = Array(sender.encapsulatedKey)
            key = try sender.exportSecret(context: LogFormat.exporter, outputByteCount: 32)
        } catch {
            throw EnvelopeError("the log recipient is not a P-256 public key")
        }
        self.info = info
    }

    /// Seals the next record.
    public mutating func seal(_ record: [UInt8]) throws(EnvelopeError) -> SealedRecord {
        guard record.count <= LogFormat.maximumRecord, next < UInt64.max else {
            throw EnvelopeError("the log record is too long")
        }
        var padded = ByteWriter()
        padded.u32BE(UInt32(record.count))
        padded.append(record)
        padded.pad(to: (padded.bytes.count + LogFormat.bucket - 1) / LogFormat.bucket * LogFormat.bucket)
        let header = LogFormat.header(sequence: next, info: info, encapsulated: encapsulated)
        do {
            let nonce = try ChaChaPoly.Nonce(data: LogFormat.nonce(next))
            let box = try ChaChaPoly.seal(padded.bytes, using: key, nonce: nonce, authenticating: header)
            defer { next += 1 }
            return SealedRecord(sequence: next, bytes: header + Array(box.ciphertext) + Array(box.tag))
        } catch {
            throw EnvelopeError("cannot seal the log record")
        }
    }
}
