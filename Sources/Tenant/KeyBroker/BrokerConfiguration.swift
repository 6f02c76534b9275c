import Crypto
import Foundation
import RootKeys
import Verifier
import WireFormat

/// The broker's configuration file, parsed strictly: an unknown or misspelt member is an error.
///
/// Relative paths start at the folder of the file.
public struct BrokerConfiguration: Sendable, Equatable {
    /// The address to listen on.
    public var host: String
    /// The port; 0 lets the system choose.
    public var port: Int
    /// Where administrators call, when that is another place.
    public var adminListener: AdminListener?
    /// How many seconds requests in flight have when the broker ends.
    public var drainSeconds: Int64
    /// The SQLite file; empty where ``etcd`` has the store.
    public var database: String
    /// The cluster that has the store; nil for a SQLite file.
    public var etcd: EtcdSettings?
    /// The root key: a file of 64 hexadecimal digits, a TPM or a PKCS #11 token.
    public var rootKey: RootKeyConfiguration
    /// Root keys of before, which may still have to open the store while replicas change over.
    public var formerRootKeys: [RootKeyConfiguration]
    /// What notices that the whole store was put back; nil for nothing.
    public var counter: CounterConfiguration?
    /// The name of this broker among those that share a store.
    public var replica: String
    /// The server's certificate chain in PEM form.
    public var certificate: String
    /// The server's private key in PEM form, 0600.
    public var certificateKey: String
    /// The Ed25519 public keys of administrators, at least one.
    public var adminKeys: [String]
    /// Who administers beside their owners.
    public var administrators: AdministratorSettings
    /// The Ed25519 public keys that sign reference values.
    public var releaseKeys: [String]
    /// Public keys (P-256, P-384 or Ed25519) that sign reference values by name, beside the release keys.
    public var referenceKeys: [PinnedReferenceKey]
    /// SHA-256 fingerprints of the soft roots that `soft-snp` evidence may end in.
    public var softRoots: [String]
    /// Files with AMD's lists of revoked certificates (DER), read at each attestation so that they can be renewed.
    public var revocationLists: [String]
    /// The folder of the certificate authority.
    public var authorityFolder: String
    /// Where clients find lists of revoked leaves, without the authority and the version; leaves name none when nil.
    public var revocationListAddress: String?
    /// The life of a token in minutes.
    public var tokenMinutes: Int64
    /// The `iss` of tokens.
    public var tokenIssuer: String
    /// Other services whose tokens count here.
    public var foreignTokens: [ForeignIssuer]
    /// The signatures of tokens: `ES256`, which every reader knows, or `ES384`.
    public var tokenAlgorithm: TokenSigningKey.Algorithm
    /// How many days one key signs tokens.
    public var tokenKeyDays: Int64
    /// What technologies other than SEV-SNP need, and the tenant's own attestation policy.
    public var attestation: AttestationFiles
    /// Where endorsements are taken from that evidence needs and no file has.
    public var endorsements: EndorsementSettings
    /// The audit log.
    public var auditLog: String
    /// How often one address may call without a credential.
    public var limits: CallLimits
    /// The versions of the protocol that guests may speak; 0.4.0 always.
    public var protocolVersions: Set<ProtocolVersion>

    /// Reads the file at `path`.
    public init(file path: String) throws(BrokerError) {
        let bytes = try PrivateFile.readTrusted(path, what: "configuration")
        let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        do {
            try self.init(parsing: bytes, folder: (absolute as NSString).deletingLastPathComponent)
        } catch {
            throw BrokerError(.failed, check: "configuration", "\(path): \(Self.explained(error))")
        }
    }

    /// Reads a configuration whose relative paths start at `folder`.
    public init(parsing bytes: [UInt8], folder: String) throws(WireError) {
        func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
        var fields = try JSONFields(try JSONValue.parse(bytes), path: "")
        (host, port) = try Self.address(try fields.string("listen"), field: "listen")
        adminListener = try AdminListener(&fields, absolute)
        drainSeconds = try fields.optionalInteger("drainSeconds") ?? 30
        database = try fields.optionalString("database").map(absolute) ?? ""
        if var members = try fields.optionalFields("etcd") { etcd = try EtcdSettings(&members, absolute) }
        guard database.isEmpty != (etcd == nil) else {
            throw fields.refusal("database", "either database, a SQLite file, or etcd must be there")
        }
        rootKey = try RootKeyConfiguration(try fields.value("rootKey"), absolute: absolute)
        formerRootKeys = try fields.optionalArray("formerRootKeys").map { (value) throws(WireError) in
            try RootKeyConfiguration(value, path: "formerRootKeys", absolute: absolute)
        }
        counter = try fields.optionalValue("rollbackCounter").map { (value) throws(WireError) in
            try CounterConfiguration(value, absolute: absolute)
        }
        replica = try fields.optionalString("replica") ?? "single"
        var tls = try fields.fields("tls")
        certificate = absolute(try tls.string("cert"))
        certificateKey = absolute(try tls.string("key"))
        try tls.finish()
        adminKeys = try fields.strings("adminKeys").map(absolute)
        administrators = try AdministratorSettings(&fields, absolute)
        releaseKeys = try fields.optionalStrings("releaseKeys").map(absolute)
        referenceKeys = try PinnedReferenceKey.list(&fields, absolute)
        softRoots = try fields.optionalStrings("softRoots")
        revocationLists = try fields.optionalStrings("revocationLists").map(absolute)
        var authority = try fields.fields("ca")
        authorityFolder = absolute(try authority.string("dir"))
        revocationListAddress = try authority.optionalString("listAddress")
        if let address = revocationListAddress {
            guard address.hasPrefix("http://") || address.hasPrefix("https://"), address.utf8.count <= 512,
                address.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !address.hasSuffix("/")
            else { throw authority.refusal("listAddress", "must be an http or https address that ends before a slash") }
        }
        try authority.finish()
        tokenMinutes = try fields.optionalInteger("tokenMinutes") ?? 5
        tokenIssuer = try fields.optionalString("tokenIssuer") ?? TokenAuthority.audience
        foreignTokens = try ForeignIssuer.list(&fields, absolute)
        let algorithm = try fields.optionalString("tokenAlgorithm") ?? "ES256"
        guard let tokenAlgorithm = TokenSigningKey.Algorithm(rawValue: algorithm) else {
            throw fields.refusal("tokenAlgorithm", "must be ES256 or ES384")
        }
        self.tokenAlgorithm = tokenAlgorithm
        tokenKeyDays = try fields.optionalInteger("tokenKeyDays") ?? 30
        attestation = try AttestationFiles(&fields, absolute)
        endorsements = try EndorsementSettings(&fields, absolute)
        auditLog = absolute(try fields.string("auditLog"))
        limits = CallLimits()
        try limits.read(&fields)
        protocolVersions = try ProtocolVersion.set(&fields)
        try fields.finish()
        guard (1...64).contains(replica.utf8.count) else { throw fields.refusal("replica", "must have 1 to 64 bytes") }
        guard !adminKeys.isEmpty else { throw fields.refusal("adminKeys", "must name at least one key") }
        guard (0...3600).contains(drainSeconds) else { throw fields.refusal("drainSeconds", "must be 0 to 3600") }
        guard (1...256).contains(tokenIssuer.utf8.count) else {
            throw fields.refusal("tokenIssuer", "must be 1 to 256 bytes")
        }
        guard (1...60).contains(tokenMinutes) else { throw fields.refusal("tokenMinutes", "must be 1 to 60") }
        guard (1...3650).contains(tokenKeyDays) else { throw fields.refusal("tokenKeyDays", "must be 1 to 3650") }
        for root in softRoots {
            guard try Hex.decode(root, field: "softRoots").count == 32 else {
                throw fields.refusal("softRoots", "must be SHA-256 fingerprints in hexadecimal")
            }
        }
    }

    func keys(_ paths: [String]) throws(BrokerError) -> [Curve25519.Signing.PublicKey] {
        var keys: [Curve25519.Signing.PublicKey] = []
        for path in paths { keys.append(try AdminGate.publicKey(file: path)) }
        return keys
    }

    /// The keys that may sign reference values by name.
    func referenceSigningKeys() throws(BrokerError) -> [ReferenceSigningKey] {
        var keys: [ReferenceSigningKey] = []
        for pinned in referenceKeys {
            let text = String(decoding: try PrivateFile.readTrusted(pinned.path, what: "public key"), as: UTF8.self)
            do {
                let key = try ReferenceSigningKey(pem: text)
                keys.append(pinned.names.isEmpty ? key : key.limited(to: .names(pinned.names)))
            } catch {
                throw BrokerError(.failed, check: "configuration", "\(pinned.path) \(error.reason)")
            }
        }
        // A release key publishes guests; what it may state beside that, referenceKeys says.
        for key in try self.keys(releaseKeys) {
            let key = ReferenceSigningKey(key)
            if !keys.contains(where: { $0.identifier == key.identifier }) { keys.append(key.limited(to: .releases)) }
        }
        return keys
    }

    static func address(_ text: String, field: String) throws(WireError) -> (String, Int) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw WireError(field: field, reason: "must be ADDRESS:PORT")
        }
        let host = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        guard !host.isEmpty else { throw WireError(field: field, reason: "must be ADDRESS:PORT") }
        return (host, Int(port))
    }
}
