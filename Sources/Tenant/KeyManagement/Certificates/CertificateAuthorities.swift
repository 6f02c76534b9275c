import Crypto
import Envelope
import Foundation
import SealedStorage
import SwiftASN1
import WireFormat
import X509

/// The tenants' issuing authorities: short leaves for attested guests within the tenant's DNS names, and lists of those that
/// were revoked before their hour was over.
///
/// The issuing key lies in the key management and never leaves it. Its certificate comes from a root that may be offline:
/// ``request(_:suffixes:kind:)`` exports a request, ``install(_:certificate:root:)`` takes the answer.
public final class CertificateAuthorities: Sendable {
    let keys: KeyStore
    private let listAddress: String?

    /// The longest life of a leaf in seconds, the minute before its issue included.
    public static let leafLife: Int64 = 3600
    /// How long a list of revoked leaves is good for, in seconds.
    public static let listLife: Int64 = 3600
    /// After how many seconds a list is made anew without need.
    static let listAge: Int64 = 1800

    /// Opens the authorities beside the keys.
    ///
    /// - Parameters:
    ///   - keys: Where the issuing keys lie.
    ///   - listAddress: Where lists are published, such as `https://broker:8080/kbs/v0/testudo/crl`; each leaf names this,
    ///     its namespace, line and key version. Nil for leaves that name nothing.
    public init(keys: KeyStore, listAddress: String? = nil) {
        self.keys = keys
        self.listAddress = listAddress
    }

    /// Makes a new issuing key and a request for its certificate, in PEM. The authority goes on with the certificate that it
    /// has until the answer is installed.
    public func request(
        _ name: AuthorityName, suffixes: [String], kind: KeyKind = .ecdsaP256
    ) async throws(KeyFailure) -> String {
        let names = try PermittedNames(suffixes)
        guard kind == .ecdsaP256 || kind == .ecdsaP384 else {
            throw KeyFailure(.malformed, "kind", "must be ecdsa-p256 or ecdsa-p384")
        }
        let key = try name.key()
        let version: UInt32
        do throws(KeyFailure) {
            let record = try await keys.rotate(key, overlap: KeyStore.overlapLimit, by: .broker)
            version = record.versions.last?.number ?? 1
        } catch {
            guard error.kind == .notFound else { throw error }
            try await keys.create(key, KeyDescription(kind: kind), by: .broker)
            version = 1
        }
        try await change(name, orNew: names) { (record, _) throws(KeyFailure) in
            record.suffixes = names.suffixes
            record.requested = version
        }
        let signer = try await signer(key, version).key
        return try X509Check.making("request") {
            let extensions = try X509Check.issuingExtensions(names)
            return try CertificateSigningRequest(
                version: .v1, subject: try DistinguishedName { CommonName("Testudo \(name) issuing \(version)") },
                privateKey: signer,
                attributes: try CertificateSigningRequest.Attributes([.init(ExtensionRequest(extensions: extensions))])
            ).serializeAsPEM().pemString + "\n"
        }
    }

    /// Takes the certificate that a root made of the last request. From now on it issues.
    public func install(
        _ name: AuthorityName, certificate pem: String, root rootPEM: String
    ) async throws(KeyFailure) {
        let root = try X509Check.certificate(rootPEM, "root")
        try X509Check.root(root)
        let certificate = try X509Check.certificate(pem, "certificate")
        let known = try await record(name)
        guard let version = known.requested else {
            throw KeyFailure(.conflict, "certificate", "there is no request that waits for it")
        }
        guard certificate.publicKey == (try await signer(try name.key(), version).key.publicKey) else {
            throw KeyFailure(.refused, "certificate", "is not for the key of the last request")
        }
        try X509Check.issuing(
            certificate, names: try PermittedNames(known.suffixes), root: root, now: keys.now())
        let rootKey = try X509Check.making("root") { try Self.fingerprint(root.publicKey) }
        let generation = AuthorityRecord.Generation(
            version: version, certificate: try X509Check.pem(certificate), root: try X509Check.pem(root),
            rootKey: rootKey)
        try await change(name, listing: true) { (record, transaction) throws(KeyFailure) in
            guard record.requested == version else {
                throw KeyFailure(.conflict, "certificate", "another request was made meanwhile")
            }
            for (other, theirs) in try Self.authorities(transaction) where other.line != name.line {
                guard !theirs.generations.contains(where: { $0.rootKey == rootKey }) else {
                    throw KeyFailure(
                        .refused, "root", "is one of the \(other.line.rawValue) line: the two never share a root")
                }
            }
            record.requested = nil
            record.generations.append(generation)
        }
    }

    /// What an authority's clients trust: the root in PEM, and the issuing certificate in force.
    public func chain(_ name: AuthorityName) async throws(KeyFailure) -> (issuing: String, root: String) {
        guard let current = try await record(name).generations.last else { throw Self.unfinished(name) }
        return (current.certificate, current.root)
    }

    /// Whether the authority can issue.
    public func isReady(_ name: AuthorityName) async throws(KeyFailure) -> Bool {
        do throws(KeyFailure) {
            return try await !record(name).generations.isEmpty
        } catch {
            guard error.kind == .notFound else { throw error }
            return false
        }
    }

    static func unfinished(_ name: AuthorityName) -> KeyFailure {
        KeyFailure(.conflict, "authority", "\(name) has no certificate yet; have its request signed and install it")
    }

    func record(_ name: AuthorityName) async throws(KeyFailure) -> AuthorityRecord {
        try await KeyFailure.wrapping {
            guard let entry = try await self.keys.store.read(EntryFamily.authority[name.description]) else {
                throw KeyFailure(.notFound, "authority", "there is no authority \(name)")
            }
            return try AuthorityRecord(entry.value)
        }
    }

    /// The issuing key of a version, for the moment of one signature.
    func signer(
        _ name: KeyName, _ version: UInt32
    ) async throws(KeyFailure) -> (key: Certificate.PrivateKey, material: KeyMaterial) {
        let material = try await keys.find(name, .sign, .number(version), by: .broker).material
        return (
            try X509Check.making("key") {
                material.kind == .ecdsaP384
                    ? Certificate.PrivateKey(try KeyMaterial.p384(material.secret))
                    : Certificate.PrivateKey(try KeyMaterial.p256(material.secret))
            }, material
        )
    }

    /// The extension that says where the list of revoked leaves is (RFC 5280, section 4.2.1.13).
    func distributionPoint(_ name: AuthorityName, _ version: UInt32) -> Certificate.Extension? {
        guard let listAddress else { return nil }
        let address = "\(listAddress)/\(name)/\(version)"
        func tag(_ number: UInt) -> ASN1Identifier { ASN1Identifier(tagWithNumber: number, tagClass: .contextSpecific) }
        var coder = DER.Serializer()
        coder.appendConstructedNode(identifier: .sequence) { points in
            points.appendConstructedNode(identifier: .sequence) { point in
                point.appendConstructedNode(identifier: tag(0)) { place in
                    place.appendConstructedNode(identifier: tag(0)) { names in
                        names.appendPrimitiveNode(identifier: tag(6)) { $0.append(contentsOf: Array(address.utf8)) }
                    }
                }
            }
        }
        return Certificate.Extension(oid: [2, 5, 29, 31], critical: false, value: coder.serializedBytes[...])
    }

    private static func fingerprint(_ key: Certificate.PublicKey) throws -> String {
        var coder = DER.Serializer()
        try coder.serialize(key)
        return Hex.encode(SHA256.hash(data: coder.serializedBytes))
    }

    private static func authorities(
        _ transaction: StoreTransaction
    ) throws(KeyFailure) -> [(AuthorityName, AuthorityRecord)] {
        var found: [(AuthorityName, AuthorityRecord)] = []
        do {
            for entry in try transaction.list(.authority) {
                let parts = entry.name.split(separator: "/").map(String.init)
                guard parts.count == 2, let line = AuthorityName.Line(rawValue: parts[1]) else { continue }
                found.append((try AuthorityName(namespace: parts[0], line: line), try AuthorityRecord(entry.value)))
            }
        } catch {
            throw KeyFailure(.failed, "authority", "the authorities cannot be read")
        }
        return found
    }

    private func change(
        _ name: AuthorityName, orNew names: PermittedNames? = nil, listing: Bool = false,
        _ body: @escaping @Sendable (inout AuthorityRecord, StoreTransaction) throws(KeyFailure) -> Void
    ) async throws(KeyFailure) {
        let key = EntryFamily.authority[name.description]
        try await keys.transact([key], listing: listing ? [.authority] : []) { (transaction) throws(KeyFailure) in
            var record: AuthorityRecord
            if let entry = try KeyStore.read(key, in: transaction) {
                do throws(WireError) { record = try AuthorityRecord(entry.value) } catch { throw KeyFailure(error) }
            } else if let names {
                record = AuthorityRecord(suffixes: names.suffixes)
            } else {
                throw KeyFailure(.notFound, "authority", "there is no authority \(name)")
            }
            try body(&record, transaction)
            transaction.put(key, record.json.canonicalBytes)
        }
    }
}

extension EntryFamily {
    /// The issuing authorities.
    static let authority = EntryFamily(rawValue: "authority")
    /// Leaves that have not expired.
    static let issuedLeaf = EntryFamily(rawValue: "issued-leaf")
    /// Guests and manifests that get no leaf.
    static let barredGuest = EntryFamily(rawValue: "barred-guest")
    /// The last list of each issuing key.
    static let revocationList = EntryFamily(rawValue: "revocation-list")
}
