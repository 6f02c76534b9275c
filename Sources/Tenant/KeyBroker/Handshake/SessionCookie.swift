import Crypto
import Envelope
import WireFormat

/// What a session cookie stands for: the whole session, sealed, so that any replica knows it and none keeps it.
enum SessionCookie: Sendable {
    /// `/auth` was answered.
    struct Challenged: Sendable, Equatable {
        /// The TEE name that the guest announced.
        var technology: String
        /// The challenge, base64 of 32 random bytes.
        var nonce: String
        /// The second since 1970 when `/auth` was answered.
        var issued: Int64
        /// The version of the protocol that the guest speaks.
        var version: ProtocolVersion
    }

    /// `/attest` was answered.
    struct Attested: Sendable, Equatable {
        /// The second since 1970 when `/auth` was answered.
        var issued: Int64
        /// SHA-256 of the token, never the token (R13).
        var tokenHash: [UInt8]
        /// Who attested, with the key that resources are encrypted to.
        var guest: AttestedGuest
    }

    /// The evidence is still to come.
    case challenged(Challenged)
    /// The evidence was accepted.
    case attested(Attested)

    /// The life of a session in seconds, from `/auth` on.
    static let lifetime: Int64 = 300
    /// How far the clocks of replicas may differ, in seconds.
    static let skew: Int64 = 60
    /// The longest cookie: what browsers and clients' libraries keep.
    static let maximumBytes = 4096

    private static let format: UInt8 = 1
    private static let saltBytes = 24

    /// When `/auth` was answered.
    var issued: Int64 {
        switch self {
        case .challenged(let session): session.issued
        case .attested(let session): session.issued
        }
    }

    /// How many seconds the session has left.
    func remaining(now: Int64) -> Int64 { max(0, issued + Self.lifetime - now) }

    /// The cookie's value: letters, digits, `-` and `_`.
    func sealed(_ keys: CookieKeys) throws(BrokerError) -> String {
        let salt = SecretBytes(random: Self.saltBytes).copyBytes()
        let key = keys.current
        let head = [Self.format] + key.name + salt
        // The key is this cookie's alone: a constant nonce comes once.
        guard let nonce = try? AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)),
            let box = try? AES.GCM.seal(payload, using: key.derived(salt), nonce: nonce, authenticating: head)
        else { throw BrokerError(.failed, check: "cookie", "the session cannot be sealed") }
        let value = Base64.encodeURL(head + Array(box.ciphertext) + Array(box.tag))
        guard value.utf8.count <= Self.maximumBytes else {
            throw BrokerError(.malformed, check: "cookie", "runtime-data.tee-pubkey: is too long for a session")
        }
        return value
    }

    /// The name of the key that a cookie's value says it is under; nil when it is no cookie of ours.
    static func keyName(_ value: String) -> [UInt8]? {
        guard value.utf8.count <= maximumBytes, let bytes = try? Base64.decodeURL(value, field: "cookie"),
            bytes.count > 5 + saltBytes + 16, bytes[0] == format
        else { return nil }
        return Array(bytes[1..<5])
    }

    /// Opens a cookie's value; nil when it is expired, changed, cut or of a key that is not known any more.
    init?(opening value: String, _ keys: CookieKeys, now: Int64) {
        let headBytes = 5 + Self.saltBytes
        guard value.utf8.count <= Self.maximumBytes, let bytes = try? Base64.decodeURL(value, field: "cookie"),
            bytes.count > headBytes + 16, bytes[0] == Self.format, let key = keys.key(named: Array(bytes[1..<5]))
        else { return nil }
        let head = Array(bytes[..<headBytes])
        let body = bytes[headBytes...]
        guard let nonce = try? AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)),
            let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: body.dropLast(16), tag: body.suffix(16)),
            let opened = try? AES.GCM.open(box, using: key.derived(Array(head[5...])), authenticating: head),
            let session = try? Self.parse(Array(opened))
        else { return nil }
        // A clock that was set back must not lengthen lives.
        guard session.issued <= now + Self.skew, now < session.issued + Self.lifetime else { return nil }
        self = session
    }

    private var payload: [UInt8] {
        var writer = ByteWriter()
        writer.u64BE(UInt64(clamping: issued))
        switch self {
        case .challenged(let session):
            writer.u8(0)
            writer.u8(session.version.code)
            let technology = Array(session.technology.utf8)
            writer.u8(UInt8(clamping: technology.count))
            writer.append(technology)
            writer.append(Array(session.nonce.utf8))
        case .attested(let session):
            writer.u8(1)
            writer.append(session.tokenHash)
            writer.append(
                JSONValue.object(["guest": session.guest.claims, "key": session.guest.encryptionKey]).canonicalBytes)
        }
        return writer.bytes
    }

    private static func parse(_ payload: [UInt8]) throws(WireError) -> SessionCookie {
        var reader = ByteReader(payload)
        guard let issued = Int64(exactly: try reader.u64BE("issued")) else {
            throw WireError(field: "issued", reason: "is too large")
        }
        if try reader.u8("stage") == 0 {
            guard let version = ProtocolVersion(code: try reader.u8("version")) else {
                throw WireError(field: "version", reason: "is not known")
            }
            let technology = try reader.bytes(Int(try reader.u8("length")), "technology")
            return .challenged(
                Challenged(
                    technology: String(decoding: technology, as: UTF8.self),
                    nonce: String(decoding: reader.rest(), as: UTF8.self), issued: issued, version: version))
        }
        let hash = try reader.bytes(32, "token hash")
        var fields = try JSONFields(try JSONValue.parse(reader.rest()), path: "session")
        let guest = try AttestedGuest(claims: try fields.value("guest"), encryptionKey: try fields.value("key"))
        try fields.finish()
        return .attested(Attested(issued: issued, tokenHash: hash, guest: guest))
    }
}
