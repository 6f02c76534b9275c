import Crypto
import Foundation
import SwiftASN1
import WireFormat
import X509

/// The tenant's certificate authority: leaves for attested guests, at most one hour long (R11).
///
/// Two roots that never sign each other: `tenant` for guests on hardware, `simulated` for all that a software root, a
/// debug build or a TPM alone stands behind.
public struct TenantCA: Sendable {
    /// The names of the two roots.
    public enum Root: String, Sendable, CaseIterable {
        /// For guests that hardware protects.
        case tenant
        /// For simulated and debug guests, and machines with nothing but a TPM.
        case simulated
    }

    private let roots: [Root: IssuingRoot]

    /// The longest life of a leaf in seconds, the minute before its issue included.
    static let leafLife: TimeInterval = 3600

    /// Opens the authority, making keys and roots at first start; their certificates are copied to `folder`.
    init(folder: String, store: BrokerStore, now: Date) async throws(BrokerError) {
        try PrivateFile.makeFolder(folder)
        var found: [Root: IssuingRoot] = [:]
        for root in Root.allCases {
            let issuing = try await IssuingRoot(store: store, name: root.rawValue, now: now)
            try PrivateFile.write(Array(issuing.pem.utf8), to: "\(folder)/\(root.rawValue).pem", mode: 0o644)
            found[root] = issuing
        }
        roots = found
    }

    /// The certificate of a root in PEM form.
    func certificate(_ root: Root) -> String { roots[root]?.pem ?? "" }

    /// Which root may sign for a guest.
    static func root(for guest: AttestedGuest) -> Root {
        guest.simulated || guest.debug || !guest.isIsolated ? .simulated : .tenant
    }

    /// Checks a guest's request for a leaf.
    ///
    /// The request must be signed by its own key, that key must be the TLS key in the guest's evidence, and it may ask
    /// for fewer names than the registration has, never for others.
    static func check(
        _ request: [UInt8], guest: AttestedGuest, registration: Registration
    ) throws(BrokerError) -> (key: Certificate.PublicKey, names: [String]) {
        guard let request = try? CertificateSigningRequest(derEncoded: request) else {
            throw BrokerError(.malformed, check: "csr", "the certificate request cannot be read")
        }
        let key = request.publicKey
        guard P256.Signing.PublicKey(key) != nil else {
            throw BrokerError(.malformed, check: "csr", "the certificate request's key must be P-256")
        }
        guard key.isValidSignature(request.signature, for: request) else {
            throw BrokerError(.policyDenied, check: "csr-signature", "the request is not signed by its own key")
        }
        guard let spki = try? Self.publicKeyInfo(key) else {
            throw BrokerError(.malformed, check: "csr", "the certificate request's key cannot be read")
        }
        guard !guest.tlsKey.isEmpty, Hex.encode(SHA256.hash(data: spki)) == guest.tlsKey else {
            throw BrokerError(.policyDenied, check: "csr-key", "the request's key is not the one in the evidence")
        }
        let names = try Self.names(request, allowed: registration.hostnames)
        guard !names.isEmpty else {
            throw BrokerError(.policyDenied, check: "csr-names", "the registered manifest has no host names")
        }
        return (key, names)
    }

    /// Signs a leaf for a key and names that were checked, for a guest whose registration is active.
    func issue(
        _ key: Certificate.PublicKey, names: [String], guest: AttestedGuest, registration: Registration, now: Date
    ) throws(BrokerError) -> (pem: String, notAfter: Date) {
        guard let root = roots[Self.root(for: guest)] else {
            throw BrokerError(.failed, check: "ca", "the root is missing")
        }
        // X.509 times have whole seconds; rounding here keeps the answer and the certificate equal.
        let from = Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down) - 60)
        let end = Date(timeIntervalSince1970: TimeInterval(registration.expires))
        let until = min(from + Self.leafLife, end)
        let leaf = try root.issue(for: key, hostnames: names, from: from, until: until)
        return (leaf + root.pem, until)
    }

    private static func publicKeyInfo(_ key: Certificate.PublicKey) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(key)
        return serializer.serializedBytes
    }

    private static func names(
        _ request: CertificateSigningRequest, allowed: [String]
    ) throws(BrokerError) -> [String] {
        guard let extensions = try? request.attributes.extensionRequest?.extensions,
            let requested = try? extensions.subjectAlternativeNames
        else { return allowed }
        var names: [String] = []
        for name in requested {
            guard case .dnsName(let text) = name, allowed.contains(text) else {
                throw BrokerError(.policyDenied, check: "csr-names", "a requested name is not in the manifest")
            }
            names.append(text)
        }
        return names.isEmpty ? allowed : names
    }
}
