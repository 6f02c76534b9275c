import Foundation
import KeyManagement
import WireFormat
import X509

extension KeyBroker {
    /// Issues a leaf: by the issuing authority of the registration's namespace where there is one, else by the broker's root.
    func issue(
        _ request: [UInt8], guest: AttestedGuest, registration: Registration
    ) async throws(BrokerError) -> (pem: String, notAfter: Int64, names: [String], issuer: String) {
        let (key, names) = try TenantCA.check(request, guest: guest, registration: registration)
        let root = TenantCA.root(for: guest)
        if let name = Self.authority(registration.namespace, root) {
            do throws(KeyFailure) {
                if try await authorities.isReady(name) {
                    let leaf = try await authorities.issue(
                        name,
                        to: LeafSubject(
                            publicKey: key, names: names, manifest: guest.manifest, instance: guest.instance),
                        until: registration.expires)
                    return (leaf.chain, leaf.notAfter, names, "the authority of \(name)")
                }
            } catch {
                throw BrokerError(error)
            }
        }
        let issued = try authority.issue(
            key, names: names, guest: guest, registration: registration, now: clock.now)
        return (
            issued.pem, Int64(issued.notAfter.timeIntervalSince1970), names, "the \(root.rawValue) root"
        )
    }

    private static func authority(_ namespace: String, _ root: TenantCA.Root) -> AuthorityName? {
        try? AuthorityName(namespace: namespace, line: root == .tenant ? .tenant : .simulated)
    }

    /// The issuing certificate and its root, for whoever verifies leaves.
    func issuingAuthority(_ values: [String]) async throws(BrokerError) -> BrokerResponse {
        do throws(KeyFailure) {
            return try await Self.chain(authorities, try Self.authorityName(values))
        } catch {
            // Strangers learn of authorities that issue, and of no others.
            throw error.kind == .conflict || error.kind == .notFound ? KeyBroker.unknownPath : BrokerError(error)
        }
    }

    /// The list of revoked leaves of one issuing key, in DER.
    func revocationList(_ values: [String]) async throws(BrokerError) -> BrokerResponse {
        guard let version = UInt32(values[2]) else { throw KeyBroker.unknownPath }
        do throws(KeyFailure) {
            let list = try await authorities.revocationList(try Self.authorityName(values), version: version)
            return BrokerResponse(contentType: "application/pkix-crl", body: list)
        } catch {
            throw error.kind == .conflict || error.kind == .notFound ? KeyBroker.unknownPath : BrokerError(error)
        }
    }

    /// An administrator establishes an authority, lists its leaves or revokes some.
    func administerAuthorities(
        _ route: BrokerRoute, _ values: [String], _ request: BrokerRequest
    ) async throws(BrokerError) -> BrokerResponse {
        do throws(KeyFailure) {
            switch route {
            case .listLeaves:
                _ = try Self.authorityName(values + [AuthorityName.Line.tenant.rawValue])
                return .json(try await authorities.leaves(values[0]))
            case .revokeLeaves: return .json(["revoked": .integer(Int64(try await revoke(values[0], request.body)))])
            default: return try await establish(try Self.authorityName(values), values[2], request.body)
            }
        } catch {
            throw BrokerError(error)
        }
    }

    /// A retired manifest's leaves are revoked, and its guests get no others.
    func revokeLeaves(ofManifest digest: String) async throws(BrokerError) {
        guard let registration = try await store.registration(digest) else { return }
        do throws(KeyFailure) {
            try await authorities.revoke(
                .manifest(digest), namespace: registration.namespace, reason: .privilegeWithdrawn)
        } catch {
            throw BrokerError(error)
        }
    }

    /// The leaves of a guest that the broker serves no more are revoked.
    func revokeLeaves(ofInstance instance: String) async throws(BrokerError) {
        do throws(KeyFailure) {
            try await authorities.revoke(.instance(instance), namespace: nil, reason: .privilegeWithdrawn)
        } catch {
            throw BrokerError(error)
        }
    }

    /// A manifest that is registered anew may have leaves again.
    func readmitLeaves(_ registration: Registration) async throws(BrokerError) {
        do throws(KeyFailure) {
            try await authorities.readmit(manifest: registration.digest, namespace: registration.namespace)
        } catch {
            throw BrokerError(error)
        }
    }

    private func revoke(_ namespace: String, _ body: [UInt8]) async throws(KeyFailure) -> Int {
        try await KeyFailure.wrapping {
            var fields = try KeyManagementCall.fields(body)
            let (serial, instance, manifest) = (
                try fields.optionalString("serial"), try fields.optionalString("instance"),
                try fields.optionalString("manifest")
            )
            guard let reason = RevocationReason(rawValue: try fields.optionalString("reason") ?? "unspecified") else {
                throw fields.refusal(
                    "reason", "must be one of \(RevocationReason.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            try fields.finish()
            let what: LeafRevocation
            switch (serial, instance, manifest) {
            case (let serial?, nil, nil): what = .serial(serial)
            case (nil, let instance?, nil): what = .instance(instance)
            case (nil, nil, let manifest?): what = .manifest(manifest)
            default: throw KeyFailure(.malformed, "body", "must have one of serial, instance and manifest")
            }
            guard [serial, instance, manifest].compactMap(\.self).allSatisfy({ (1...128).contains($0.utf8.count) })
            else {
                throw KeyFailure(.malformed, "body", "must name something of 1 to 128 characters")
            }
            return try await authorities.revoke(what, namespace: namespace, reason: reason)
        }
    }

    private func establish(
        _ name: AuthorityName, _ step: String, _ body: [UInt8]
    ) async throws(KeyFailure) -> BrokerResponse {
        try await KeyFailure.wrapping {
            var fields = try KeyManagementCall.fields(body)
            switch step {
            case "request":
                let suffixes = try fields.strings("suffixes")
                try fields.finish()
                return .json(["request": .string(try await authorities.request(name, suffixes: suffixes))])
            case "install":
                let (certificate, root) = (try fields.string("certificate"), try fields.string("root"))
                try fields.finish()
                try await authorities.install(name, certificate: certificate, root: root)
            case "certify":
                let suffixes = try fields.strings("suffixes")
                let days = try fields.optionalInteger("days") ?? 90
                try fields.finish()
                guard (1...730).contains(days) else {
                    throw KeyFailure(.malformed, "days", "must be between 1 and 730")
                }
                do {
                    try await authorities.certify(name, suffixes: suffixes, life: days * 86_400)
                } catch let failure as KeyFailure where failure.kind == .notFound && failure.field == "root" {
                    do {
                        _ = try await authorities.makeRoot(name.line)
                    } catch let failure as KeyFailure where failure.kind == .conflict {
                        // Somebody else was first.
                    }
                    try await authorities.certify(name, suffixes: suffixes, life: days * 86_400)
                }
            default: throw KeyFailure(.notFound, "step", "must be request, install or certify")
            }
            return try await Self.chain(authorities, name)
        }
    }

    private static func chain(
        _ authorities: CertificateAuthorities, _ name: AuthorityName
    ) async throws(KeyFailure) -> BrokerResponse {
        let chain = try await authorities.chain(name)
        return .json(["certificate": .string(chain.issuing), "root": .string(chain.root)])
    }

    private static func authorityName(_ values: [String]) throws(KeyFailure) -> AuthorityName {
        guard let line = AuthorityName.Line(rawValue: values[1]) else {
            throw KeyFailure(.notFound, "line", "must be tenant or simulated")
        }
        do {
            return try AuthorityName(namespace: values[0], line: line)
        } catch {
            throw KeyFailure(.notFound, error.field, error.reason)
        }
    }
}
