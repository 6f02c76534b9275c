import Crypto
import Envelope
import WireFormat

/// What the key broker recorded of a guest whose evidence it accepted: whose records an encapsulated key opens.
public struct LogVoucher: Equatable, Sendable {
    /// The guest's name for its boot, in hexadecimal.
    public let instance: String
    /// The digest of its pod manifest.
    public let manifest: Envelope.SHA256Digest
    /// SHA-256 of the encapsulated key of its log seal, as the evidence named it.
    public let logKey: Envelope.SHA256Digest

    /// Creates a voucher.
    public init(instance: String, manifest: Envelope.SHA256Digest, logKey: Envelope.SHA256Digest) {
        self.instance = instance
        self.manifest = manifest
        self.logKey = logKey
    }

    /// Reads one entry of the broker's list.
    public init(parsing value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "log key")
        instance = try fields.string("instance")
        manifest = try Envelope.SHA256Digest(hex: try fields.string("manifest"))
        logKey = try Envelope.SHA256Digest(hex: try fields.string("logKey"))
        _ = fields.optionalValue("time")
        try fields.finish()
    }
}

/// Reads a log that a node hands over and says which records an attested guest wrote (rule R22).
///
/// A seal proves who can read: its recipient's public key is known to the node, which can therefore seal records too. Yet
/// only the maker of an encapsulated key knows what it encapsulates, and evidence names that key. A record is verified
/// when its key is one that the tenant's broker saw in accepted evidence of a manifest of the Service asked for.
public struct VouchedLog: Sendable {
    /// What a record is.
    public enum Reading: Equatable, Sendable {
        /// An attested guest of the Service wrote it; its own name comes along.
        case verified(OpenedRecord, instance: String)
        /// It opens, yet no evidence vouches for its writer.
        case unverified(OpenedRecord)
        /// It is not sealed to this key.
        case plain([UInt8])
    }

    private let vouchers: [Envelope.SHA256Digest: LogVoucher]
    private let instances: Set<String>
    private var opening: LogOpening
    private var guests: [String: String] = [:]
    private var labels: [String: String] = [:]

    /// Starts reading.
    ///
    /// - Parameters:
    ///   - privateKey: The tenant's key.
    ///   - vouchers: What the broker vouches for, of the Service that was asked for and of no other.
    public init(privateKey: P256.KeyAgreement.PrivateKey, vouchers: [LogVoucher]) {
        self.opening = LogOpening(privateKey: privateKey)
        self.vouchers = Dictionary(vouchers.map { ($0.logKey, $0) }) { first, _ in first }
        self.instances = Set(vouchers.map(\.instance))
    }

    /// Reads the next record, which the node shows under a name of its own choice.
    ///
    /// - Throws: ``EnvelopeError`` for what can only be a lie: a changed or repeated record of an attested guest, a record
    ///   in such a guest's name under another key, and one guest's record among another's.
    public mutating func read(_ record: [UInt8], shownAs label: String) throws(EnvelopeError) -> Reading {
        let opened: OpenedRecord
        do throws(EnvelopeError) {
            opened = try opening.open(record)
        } catch {
            guard let key = LogOpening.keyDigest(of: record), vouchers[key] != nil else { return .plain(record) }
            throw EnvelopeError("a record of an attested guest was changed, repeated or moved")
        }
        let info = try? LogInfo(parsing: opened.info)
        guard let voucher = vouchers[opened.keyDigest] else {
            if let info, instances.contains(info.instance) {
                throw EnvelopeError("a record in an attested guest's name that this guest did not seal")
            }
            return .unverified(opened)
        }
        guard let info, info.instance == voucher.instance, info.manifest == voucher.manifest else {
            throw EnvelopeError("a record that does not belong to the guest whose key sealed it")
        }
        guard guests[label, default: info.instance] == info.instance, labels[info.instance, default: label] == label
        else { throw EnvelopeError("a record of one instance shown among those of another") }
        guests[label] = info.instance
        labels[info.instance] = label
        return .verified(opened, instance: info.instance)
    }
}
