import Crypto
import Evidence
import WireFormat

/// Evidence with what it must be bound to, as a relying party hands it to an attestation service. Nothing in it is trusted.
public struct Submission: Sendable {
    /// What the report data must have been made from.
    public enum RuntimeData: Sendable {
        /// Nothing is demanded: the evidence may be anybody's, and old.
        case none
        /// The bytes themselves.
        case raw([UInt8])
        /// The hash of a document in canonical form (RFC 8785).
        case structured(JSONValue)
    }

    /// What the guest must have been launched for.
    public enum InitData: Sendable {
        /// Nothing is demanded.
        case none
        /// A digest.
        case digest([UInt8])
        /// The TOML document, whose digest by its own algorithm counts.
        case document(InitDataDocument)
    }

    /// The technology by its name on the wire.
    public let tee: String
    /// The evidence in the JSON of trustee's guests.
    public let evidence: JSONValue
    /// What the report data must have been made from.
    public let runtimeData: RuntimeData
    /// The hash of a structured document.
    public let hash: HashAlgorithm
    /// What the guest must have been launched for.
    public let initData: InitData

    /// Joins what came in.
    public init(
        tee: String, evidence: JSONValue, runtimeData: RuntimeData = .none, hash: HashAlgorithm = .sha384,
        initData: InitData = .none
    ) {
        self.tee = tee
        self.evidence = evidence
        self.runtimeData = runtimeData
        self.hash = hash
        self.initData = initData
    }

    /// The bytes that the evidence must be bound to, before any padding; nil when nothing is demanded.
    var reportData: [UInt8]? {
        switch runtimeData {
        case .none: nil
        case .raw(let bytes): bytes
        case .structured(let document): hash.digest(document.canonicalBytes)
        }
    }

    /// The digest of the init-data, before any padding; nil when nothing is demanded.
    var initDataDigest: [UInt8]? {
        switch initData {
        case .none: nil
        case .digest(let digest): digest
        case .document(let document): document.digest
        }
    }

    /// What the report data were made from, for policy and token.
    var runtimeDataClaims: JSONValue {
        if case .structured(let document) = runtimeData { document } else { .null }
    }

    /// What the init-data say, for policy and token.
    var initDataClaims: JSONValue {
        if case .document(let document) = initData { document.claims } else { .null }
    }
}

/// The hashes of the key broker protocol that are computed here; `sm3` is not.
public enum HashAlgorithm: String, Sendable, CaseIterable {
    /// SHA-256.
    case sha256
    /// SHA-384, which holds where nothing is said.
    case sha384
    /// SHA-512.
    case sha512

    /// Reads a name in any case, with or without the hyphen.
    public init(parsing name: String, field: String) throws(WireError) {
        guard let known = Self(rawValue: name.lowercased().filter { $0 != "-" }) else {
            throw WireError(field: field, reason: "must be sha256, sha384 or sha512")
        }
        self = known
    }

    /// The digest of `bytes`.
    func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256: Array(SHA256.hash(data: bytes))
        case .sha384: Array(SHA384.hash(data: bytes))
        case .sha512: Array(SHA512.hash(data: bytes))
        }
    }
}
