/// What a key is for. A key serves one algorithm, so that no message of one can be played to another.
public enum KeyKind: String, Sendable, CaseIterable {
    /// AES-256 in GCM (NIST SP 800-38D).
    case aes256GCM = "aes-256-gcm"
    /// AES-256 key wrap (RFC 3394).
    case aes256KW = "aes-256-kw"
    /// ECDSA on P-256 with SHA-256; signatures are r and s, 64 bytes.
    case ecdsaP256 = "ecdsa-p256"
    /// ECDSA on P-384 with SHA-384; signatures are r and s, 96 bytes.
    case ecdsaP384 = "ecdsa-p384"
    /// Ed25519 (RFC 8032).
    case ed25519
    /// HMAC with SHA-256 (RFC 2104).
    case hmacSHA256 = "hmac-sha-256"
    /// HMAC with SHA-384.
    case hmacSHA384 = "hmac-sha-384"
    /// Keys derived with HKDF and SHA-256 (RFC 5869).
    case hkdfSHA256 = "hkdf-sha-256"
    /// Keys derived with HKDF and SHA-384.
    case hkdfSHA384 = "hkdf-sha-384"

    /// What keys of this kind can do; a key may be allowed less.
    public var operations: Set<KeyOperation> {
        switch self {
        case .aes256GCM: [.encrypt, .decrypt, .rewrap, .export]
        case .aes256KW: [.wrap, .unwrap, .rewrap, .export]
        case .ecdsaP256, .ecdsaP384, .ed25519: [.sign, .verify, .publicKey, .export]
        case .hmacSHA256, .hmacSHA384: [.mac, .verifyMAC, .export]
        case .hkdfSHA256, .hkdfSHA384: [.derive, .export]
        }
    }

    /// How the kind is called in the header of a message.
    var code: UInt8 {
        switch self {
        case .aes256GCM: 1
        case .aes256KW: 2
        case .ecdsaP256: 3
        case .ecdsaP384: 4
        case .ed25519: 5
        case .hmacSHA256: 6
        case .hmacSHA384: 7
        case .hkdfSHA256: 8
        case .hkdfSHA384: 9
        }
    }

    /// The sizes that an imported key may have, in bytes.
    var sizes: ClosedRange<Int> {
        switch self {
        case .aes256GCM, .aes256KW, .ecdsaP256, .ed25519: 32...32
        case .ecdsaP384: 48...48
        case .hmacSHA256, .hkdfSHA256: 32...256
        case .hmacSHA384, .hkdfSHA384: 48...256
        }
    }

    /// Whether it has a public half.
    var isAsymmetric: Bool { operations.contains(.publicKey) }

    /// The `alg` that a JWK of this kind may have.
    var algorithms: Set<String> {
        switch self {
        case .aes256GCM: ["A256GCM"]
        case .aes256KW: ["A256KW"]
        case .ecdsaP256: ["ES256"]
        case .ecdsaP384: ["ES384"]
        case .ed25519: ["EdDSA", "Ed25519"]
        case .hmacSHA256: ["HS256"]
        case .hmacSHA384: ["HS384"]
        case .hkdfSHA256, .hkdfSHA384: []
        }
    }
}

/// What is done with a key; policies decide on each by itself.
public enum KeyOperation: String, Sendable, CaseIterable {
    /// Encrypts and authenticates a message.
    case encrypt
    /// Opens a message.
    case decrypt
    /// Moves a message from an older version to the newest; nobody sees the plaintext.
    case rewrap
    /// Wraps a key.
    case wrap
    /// Unwraps a key.
    case unwrap
    /// Signs a message.
    case sign
    /// Checks a signature.
    case verify
    /// Authenticates a message.
    case mac
    /// Checks the authentication of a message.
    case verifyMAC = "verify-mac"
    /// Derives a key from this one.
    case derive
    /// Hands out the public half.
    case publicKey = "public-key"
    /// Hands out the key itself, when it was made exportable.
    case export

    /// Whether it makes something new, for which only the newest version is good (SP 800-57: the originator's usage).
    var isOriginating: Bool {
        switch self {
        case .encrypt, .wrap, .sign, .mac: true
        case .decrypt, .rewrap, .unwrap, .verify, .verifyMAC, .derive, .publicKey, .export: false
        }
    }

    /// What the tenant's administrators may do without an attested guest: nothing that shows a plaintext or a key, or
    /// speaks in a key's name.
    static let administrative: Set<KeyOperation> = [.encrypt, .wrap, .rewrap, .verify, .publicKey]
}
