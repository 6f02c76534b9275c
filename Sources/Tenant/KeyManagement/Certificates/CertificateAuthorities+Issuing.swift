import Crypto
import Foundation
import SealedStorage
import WireFormat
import X509

/// Whom a leaf is for: what the evidence proved of the guest.
public struct LeafSubject: Sendable {
    /// The leaf's key, which is bound in the evidence.
    public let publicKey: Certificate.PublicKey
    /// The DNS names, from the registered manifest.
    public let names: [String]
    /// The manifest's digest.
    public let manifest: String
    /// The guest's random name for this boot; empty when it has none.
    public let instance: String

    /// Describes a guest.
    public init(publicKey: Certificate.PublicKey, names: [String], manifest: String, instance: String) {
        self.publicKey = publicKey
        self.names = names
        self.manifest = manifest
        self.instance = instance
    }
}

/// What is revoked.
public enum LeafRevocation: Sendable, Equatable {
    /// One leaf, by its serial number in lower-case hexadecimal. Its guest may have a new one.
    case serial(String)
    /// All leaves of one guest, which gets no other.
    case instance(String)
    /// All leaves of a manifest's guests, which get no others.
    case manifest(String)
}

/// A leaf as it was issued.
public struct LeafCertificate: Sendable, Equatable {
    /// The leaf and the issuing certificate in PEM, in this order; the root is not among them.
    public let chain: String
    /// The serial number in lower-case hexadecimal.
    public let serial: String
    /// The second in which it ends.
    public let notAfter: Int64
}

extension CertificateAuthorities {
    /// Signs a leaf for a TLS server. A renewal is a new issue, with all checks.
    ///
    /// - Parameters:
    ///   - name: The authority.
    ///   - subject: The guest.
    ///   - until: The second in which it ends at the latest, such as the registration's end; never more than an hour ahead.
    public func issue(
        _ name: AuthorityName, to subject: LeafSubject, until: Int64
    ) async throws(KeyFailure) -> LeafCertificate {
        let record = try await record(name)
        guard let generation = record.generations.last else { throw Self.unfinished(name) }
        let issuer = try X509Check.certificate(generation.certificate, "issuer")
        let now = keys.now()
        try Self.check(subject, record, issuer)
        let from = now - 60
        let end = min(from + Self.leafLife, until, issuer.notValidAfter.seconds)
        guard end > now, now >= issuer.notValidBefore.seconds else {
            throw KeyFailure(.conflict, "until", "the leaf or its authority would have ended already")
        }
        let signer = try await signer(try name.key(), generation.version).key
        let serial = X509Check.serialNumber()
        let point = distributionPoint(name, generation.version)
        let leaf = try X509Check.making("certificate") {
            var extensions = try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(subject.names.map { .dnsName($0) })
                SubjectKeyIdentifier(hash: subject.publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: issuer.publicKey).keyIdentifier)
            }
            if let point { try extensions.append(point) }
            return try Certificate(
                version: .v3, serialNumber: serial, publicKey: subject.publicKey, notValidBefore: Date(from),
                notValidAfter: Date(end), issuer: issuer.subject,
                subject: try DistinguishedName { CommonName(String((subject.names.first ?? "").prefix(64))) },
                extensions: extensions, issuerPrivateKey: signer)
        }
        let number = Hex.encode(serial.bytes)
        let issued = IssuedLeaf(
            version: generation.version, notAfter: end, manifest: subject.manifest, instance: subject.instance,
            names: subject.names)
        // It is written down before it leaves, in the transaction that sees whether the guest is barred.
        try await enter(issued, name, number)
        return LeafCertificate(
            chain: try X509Check.pem(leaf) + generation.certificate, serial: number, notAfter: end)
    }

    private static func check(
        _ subject: LeafSubject, _ record: AuthorityRecord, _ issuer: Certificate
    ) throws(KeyFailure) {
        guard P256.Signing.PublicKey(subject.publicKey) != nil else {
            throw KeyFailure(.malformed, "key", "must be P-256")
        }
        guard (1...64).contains(subject.names.count) else {
            throw KeyFailure(.malformed, "names", "must be 1 to 64 DNS names")
        }
        let constraints = try? issuer.extensions.nameConstraints
        let permitted = try PermittedNames(Array(constraints?.permittedDNSDomains ?? []))
        let declared = try PermittedNames(record.suffixes)
        for name in subject.names {
            guard PermittedNames.isName(name) else {
                throw KeyFailure(.malformed, "names", "a name is no plain lower-case DNS name")
            }
            guard permitted.covers(name), declared.covers(name) else {
                throw KeyFailure(.denied, "names", "a name is outside the tenant's suffixes")
            }
        }
    }

    private func enter(_ leaf: IssuedLeaf, _ name: AuthorityName, _ serial: String) async throws(KeyFailure) {
        let bars = [("manifest", leaf.manifest), ("instance", leaf.instance)].filter { !$0.1.isEmpty }.map {
            EntryFamily.barredGuest["\(name.namespace)/\($0.0)/\($0.1)"]
        }
        try await keys.transact(bars) { (transaction) throws(KeyFailure) in
            for bar in bars where try KeyStore.read(bar, in: transaction) != nil {
                let what = bar.name.contains("/manifest/") ? "manifest" : "guest"
                throw KeyFailure(.denied, "revocation", "the \(what) was revoked")
            }
            transaction.put(EntryFamily.issuedLeaf["\(name)/\(serial)"], leaf.json.canonicalBytes)
        }
    }

    /// Revokes leaves that have not expired; answers how many. The next list has them.
    ///
    /// Without a namespace those of all tenants are meant; then nobody is barred here, since the broker itself refuses.
    @discardableResult
    public func revoke(
        _ revocation: LeafRevocation, namespace: String?, reason: RevocationReason
    ) async throws(KeyFailure) -> Int {
        let now = keys.now()
        let prefix = namespace.map { "\($0)/" } ?? ""
        // First nobody gets another leaf; then those that are out are marked, as many in a commit as every database takes.
        if namespace != nil {
            try await keys.transact([]) { (transaction) throws(KeyFailure) in
                switch revocation {
                case .serial: break
                case .instance(let instance): Self.bar("\(prefix)instance/\(instance)", now, &transaction)
                case .manifest(let manifest): Self.bar("\(prefix)manifest/\(manifest)", now, &transaction)
                }
            }
        }
        var names: [String] = []
        for (entry, leaf) in try await leaves(prefix: prefix)
        where leaf.notAfter > now && leaf.revoked == nil && Self.matches(revocation, entry, leaf) {
            names.append(entry)
        }
        if case .serial = revocation, names.isEmpty {
            throw KeyFailure(.notFound, "serial", "is of no leaf that is in force, or is revoked already")
        }
        var count = 0
        while !names.isEmpty {
            let some = names.prefix(Self.batch).map { EntryFamily.issuedLeaf[$0] }
            names.removeFirst(some.count)
            count += try await keys.transact(some) { (transaction) throws(KeyFailure) in
                var count = 0
                for key in some {
                    guard let entry = try KeyStore.read(key, in: transaction) else { continue }
                    var leaf = try Self.leaf(entry.value)
                    guard leaf.revoked == nil else { continue }
                    leaf.revoked = now
                    leaf.reason = reason
                    transaction.put(key, leaf.json.canonicalBytes)
                    count += 1
                }
                return count
            }
        }
        if count > 0 {
            try await keys.transact([], listing: [.revocationList]) { (transaction) throws(KeyFailure) in
                try Self.age(&transaction, prefix: prefix)
            }
        }
        return count
    }

    private static func leaf(_ bytes: [UInt8]) throws(KeyFailure) -> IssuedLeaf {
        do {
            return try IssuedLeaf(bytes)
        } catch {
            throw KeyFailure(.failed, "leaves", "an issued leaf cannot be read")
        }
    }

    /// How many leaves one commit marks or forgets: etcd takes about a hundred changes.
    static let batch = 50

    private func leaves(prefix: String) async throws(KeyFailure) -> [(name: String, leaf: IssuedLeaf)] {
        let entries = try await KeyFailure.wrapping { try await self.keys.store.list(.issuedLeaf) }
        var found: [(name: String, leaf: IssuedLeaf)] = []
        for entry in entries where entry.name.hasPrefix(prefix) {
            found.append((entry.name, try Self.leaf(entry.value)))
        }
        return found
    }

    private static func bar(_ name: String, _ now: Int64, _ transaction: inout StoreTransaction) {
        transaction.put(EntryFamily.barredGuest[name], JSONValue.object(["since": .integer(now)]).canonicalBytes)
    }

    /// Lets guests of a manifest have leaves again, after it was registered anew. Guests by instance stay barred.
    public func readmit(manifest: String, namespace: String) async throws(KeyFailure) {
        try await keys.transact([]) { (transaction) throws(KeyFailure) in
            transaction.remove(EntryFamily.barredGuest["\(namespace)/manifest/\(manifest)"])
        }
    }

    /// Asks for new lists of a namespace; the numbers go on.
    private static func age(_ transaction: inout StoreTransaction, prefix: String) throws(KeyFailure) {
        do throws(StoreFailure) {
            for entry in try transaction.list(.revocationList) where entry.name.hasPrefix(prefix) {
                guard var list = PublishedList(entry.value) else { continue }
                list.made = 0
                transaction.put(EntryFamily.revocationList[entry.name], list.json.canonicalBytes)
            }
        } catch {
            throw KeyFailure(error)
        }
    }

    private static func matches(_ revocation: LeafRevocation, _ entry: String, _ leaf: IssuedLeaf) -> Bool {
        switch revocation {
        case .serial(let serial): entry.hasSuffix("/\(serial)")
        case .instance(let instance): !instance.isEmpty && leaf.instance == instance
        case .manifest(let manifest): !manifest.isEmpty && leaf.manifest == manifest
        }
    }

    static func leaves(
        _ transaction: StoreTransaction, prefix: String
    ) throws(KeyFailure) -> [(name: String, leaf: IssuedLeaf)] {
        do {
            return try transaction.list(.issuedLeaf).filter { $0.name.hasPrefix(prefix) }.map {
                ($0.name, try IssuedLeaf($0.value))
            }
        } catch {
            throw KeyFailure(.failed, "leaves", "the issued leaves cannot be read")
        }
    }
}
