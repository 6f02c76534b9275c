import Envelope
import SealedStorage
import WireFormat
import X509

extension CertificateAuthorities {
    /// Makes the broker's own root of a line, whose key lies in the key management, for tenants who keep none offline.
    ///
    /// - Returns: The root's certificate in PEM.
    public func makeRoot(
        _ line: AuthorityName.Line, life: Int64 = RootAuthority.lifeLimit
    ) async throws(KeyFailure) -> String {
        let key = try Self.rootKey(line)
        do throws(KeyFailure) {
            try await keys.create(key, KeyDescription(kind: .ecdsaP384), by: .broker)
        } catch {
            // After a crash between the two steps the key is there and the certificate is not.
            guard error.kind == .conflict, try await storedRoot(line) == nil else { throw error }
        }
        let root = try RootAuthority.create(
            name: "Testudo \(line.rawValue) root", key: try await signer(key, 1).key, now: keys.now(), life: life)
        let place = EntryFamily.rootAuthority[line.rawValue]
        return try await keys.transact([place]) { (transaction) throws(KeyFailure) in
            // Somebody else may have done the same meanwhile; there is one root, and authorities may be under it already.
            if let known = try KeyStore.read(place, in: transaction) {
                return String(decoding: known.value, as: UTF8.self)
            }
            transaction.put(place, Array(root.pem.utf8))
            return root.pem
        }
    }

    /// The broker's own root of a line.
    func root(_ line: AuthorityName.Line) async throws(KeyFailure) -> RootAuthority {
        guard let pem = try await storedRoot(line) else {
            throw KeyFailure(.notFound, "root", "the broker has no root of its own for \(line.rawValue)")
        }
        return try RootAuthority(
            certificate: try X509Check.certificate(pem, "root"), key: try await signer(try Self.rootKey(line), 1).key)
    }

    /// Makes an issuing authority under the broker's own root in one step.
    public func certify(_ name: AuthorityName, suffixes: [String], life: Int64) async throws(KeyFailure) {
        let root = try await root(name.line)
        let request = try await request(name, suffixes: suffixes)
        let pem = try root.sign(request, suffixes: suffixes, life: life, now: keys.now())
        try await install(name, certificate: pem, root: root.pem)
    }

    private func storedRoot(_ line: AuthorityName.Line) async throws(KeyFailure) -> String? {
        try await KeyFailure.wrapping {
            try await self.keys.store.read(EntryFamily.rootAuthority[line.rawValue]).map {
                String(decoding: $0.value, as: UTF8.self)
            }
        }
    }

    private static func rootKey(_ line: AuthorityName.Line) throws(KeyFailure) -> KeyName {
        do {
            return try KeyName(namespace: "_broker", name: "root-\(line.rawValue)")
        } catch {
            throw KeyFailure(error)
        }
    }
}

extension EntryFamily {
    /// The broker's own roots.
    static let rootAuthority = EntryFamily(rawValue: "root-authority")
}
