import Crypto
import Envelope
import Foundation
import Fuzzing
import WireFormat

@testable import KeyBroker
@testable import KeyManagement
@testable import SealedStorage

/// What administrators send and what is stored of it, each input as if it were any of these.
enum DocumentFormat: FormatFamily {
    static let shape = Shape.json
    static let sources =
        [
            "Registration", "ResourcePath", "Administration/Tenant", "Policies/PathPolicy",
        ].map { "Sources/Tenant/KeyBroker/\($0).swift" }
        + ["KeyRecord", "KeyName", "Certificates/AuthorityRecord", "Certificates/AuthorityName"].map {
            "Sources/Tenant/KeyManagement/\($0).swift"
        }

    private static let digest = String(repeating: "ab", count: 32)
    private static let tenant = Fixed.made { try Tenant(name: "acme", body: tenantBody) }

    static func run(_ bytes: [UInt8]) throws {
        let json = try JSONValue.parse(bytes)
        var failure: (any Error)?
        func attempt(_ body: () throws -> Void) { do { try body() } catch { failure = error } }
        attempt { try registration(json) }
        attempt {
            let tenant = try Tenant(name: "acme", body: json)
            require((try? Tenant(name: "acme", body: tenant.json)) == tenant, "a tenant that is stored is another")
            require(tenant.overlap(with: tenant) != nil || tenant.repositories.isEmpty, "a tenant is two")
            require(!tenant.owns(prefix: ["kms"]), "a tenant owns the keys of all")
        }
        attempt { try policy(bytes) }
        // Nobody stores what JSON does not keep.
        if isExact(json) {
            attempt { try stored(bytes) }
            attempt { try keys(bytes, json) }
        }
        texts(json)
        if let failure { throw failure }
    }

    private static func isExact(_ json: JSONValue) -> Bool {
        switch json {
        case .integer(let number): number.magnitude <= 1 << 53
        case .array(let elements): elements.allSatisfy(isExact)
        case .object(let members): members.values.allSatisfy(isExact)
        default: true
        }
    }

    private static func registration(_ json: JSONValue) throws {
        let found: Registration
        do {
            found = try Registration(digest: digest, body: json, now: Fixed.now)
            require(found.state == .active && !found.guestVersion.isEmpty, "a registration starts retired")
        } catch {
            found = try Registration(digest: digest, body: json, now: Fixed.now, stored: true)
        }
        let entry = StoredEntry(name: digest, value: found.json.canonicalBytes, version: 1)
        require((try? Registration(stored: entry)) == found, "a registration that is stored is another")
        require(found.hostnames.allSatisfy { !$0.contains("*") }, "a guest has a wildcard")
        require(found.keys.allSatisfy { $0.key.namespace == found.namespace }, "a grant for another namespace's key")
        if tenant.foreignPart(of: found) == nil {
            require(found.resources.allSatisfy { $0.repository == "acme" }, "a tenant registers another's resources")
        }
        _ = found.refusal(now: Fixed.now)
    }

    private static func policy(_ bytes: [UInt8]) throws {
        let found: PathPolicy
        do {
            found = try PathPolicy(id: "team", request: bytes)
        } catch {
            do {
                found = try PathPolicy(id: PathPolicy.globalName, request: bytes)
            } catch {
                found = try PathPolicy(id: "team", document: bytes)
            }
        }
        let again = try? PathPolicy(id: found.id, document: found.document)
        require(
            again?.document == found.document && again?.digest == found.digest, "a policy that is stored is another")
        require(PathPolicy.prefix(document: found.document) == found.prefix, "a policy has two prefixes")
        require(found.covers(found.prefix), "a policy does not cover its prefix")
    }

    private static func stored(_ bytes: [UInt8]) throws {
        let entry = StoredEntry(name: "a", value: bytes, version: 1)
        if let use = try? RepositoryUse(stored: entry) {
            let copy = StoredEntry(name: "a", value: use.json.canonicalBytes, version: 1)
            require((try? RepositoryUse(stored: copy)) == use, "a count that is stored is another")
        }
        if let revoked = try? RevokedTrust(stored: entry) {
            let copy = StoredEntry(name: revoked.name, value: revoked.json.canonicalBytes, version: 1)
            require((try? RevokedTrust(stored: copy)) == revoked, "a revocation that is stored is another")
        }
        if let resource = try? StoredResource(stored: bytes) {
            require((try? StoredResource(stored: resource.bytes)) == resource, "versions that are stored are others")
        }
        let instance = try StoredInstance(stored: bytes)
        require((try? StoredInstance(stored: instance.bytes)) == instance, "an instance that is stored is another")
        let guest = Fixed.made { try Guests.attested() }
        let next = try instance.advanced(by: guest, now: Fixed.now)
        require(next.epoch == guest.epoch && next.epoch >= instance.epoch, "an epoch goes back")
    }

    private static func keys(_ bytes: [UInt8], _ json: JSONValue) throws {
        if let authority = try? AuthorityRecord(bytes) {
            require((try? AuthorityRecord(authority.json.canonicalBytes)) == authority, "an authority is another")
            _ = try? PermittedNames(authority.suffixes)
        }
        if let leaf = try? IssuedLeaf(bytes) {
            require((try? IssuedLeaf(leaf.json.canonicalBytes)) == leaf, "a leaf is another")
        }
        if let list = PublishedList(bytes) {
            require(PublishedList(list.json.canonicalBytes)?.der == list.der, "a list is another")
        }
        let name = Fixed.made { try KeyName(namespace: "n", name: "k") }
        let record = try KeyRecord(name: name, stored: bytes)
        require((try? KeyRecord(name: name, stored: record.json.canonicalBytes)) == record, "a key is another")
        _ = record.json(now: Fixed.now)
        for version in record.versions {
            require(record.version(version.number) != nil, "a version is not found")
        }
    }

    /// Each text as if it were a path or a name.
    private static func texts(_ json: JSONValue) {
        switch json {
        case .string(let text): name(text)
        case .array(let elements): elements.prefix(8).forEach { texts($0) }
        case .object(let members):
            for (key, value) in members.sorted(by: { $0.key < $1.key }).prefix(8) {
                name(key)
                texts(value)
            }
        default: break
        }
    }

    private static func name(_ text: String) {
        if let path = try? ResourcePath(parsing: text) {
            require((try? ResourcePath(parsing: path.description)) == path, "a path is another")
            require(!path.description.contains("..") || !path.description.hasPrefix("."), "a path leads out")
        }
        if let key = try? KeyName(parsing: text) {
            require((try? KeyName(sealedKeyID: key.sealedKeyID)) == key, "a key")
        }
        if let key = try? KeyName(sealedKeyID: text) {
            require((try? KeyName(parsing: key.description)) == key, "a key")
        }
        if let grant = try? KeyGrant(parsing: text, namespace: "n") {
            require((try? KeyGrant(parsing: grant.description, namespace: "n")) == grant, "a grant is another")
        }
        if let name = try? AuthorityName(namespace: text, line: .tenant) { _ = (name.description, try? name.key()) }
        if let names = try? PermittedNames([text]) {
            require(names.covers(text) && names.covers("a.\(text)") && !names.covers("a\(text)"), "names are covered")
        }
        _ = Timestamp.seconds(parsing: text)
        _ = (Registration.isHostname(text), Tenant.isName(text))
    }

    private static let tenantBody: JSONValue = [
        "admins": [["name": "ann", "key": .string(Fixed.tenant.publicKey.pemRepresentation)]],
        "repositories": ["acme"], "namespaces": ["acme"], "domains": ["acme.example"],
        "quota": ["resources": 100, "bytes": 1_000_000, "manifests": 20],
    ]

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let policy = "package policy\nimport rego.v1\ndefault allow := false\nallow if input[\"tcb\"] == data.plugin\n"
        let encoded = JSONValue.string(Base64.encodeURL(Array(policy.utf8)))
        let registration: [String: JSONValue] = [
            "name": "hello", "namespace": "acme", "hostnames": ["hello.acme.example"],
            "resources": ["kbs:///acme/key/one", "acme/key/two"], "keys": ["kms:data:encrypt", "kms:data:derive"],
            "measurements": [.string(String(repeating: "cd", count: 48))], "guestVersion": "0.1.0",
            "expires": "2030-01-31T00:00:00Z", "owner": "ann", "simulated": true,
        ]
        let any = registration.merging(["measurements": "any-reference", "expires": 2_000_000_000]) { $1 }
        let stored = any.merging(["state": "retired"]) { $1 }
        let version: JSONValue = [
            "version": 1, "state": "active", "created": 5, "activates": 6, "notAfter": 7, "overlapEnds": 8,
            "destroyed": 9,
            "publicKey": "AAAA",
        ]
        let pem = JSONValue.string(CertificateFormat.root.pem)
        let all: [JSONValue] = [
            .object(registration), .object(any), .object(stored), tenantBody,
            ["policy": encoded, "prefix": "acme/key", "registration": "not-needed", "type": "rego"],
            ["policy": encoded],
            ["policy": .string(policy), "prefix": ["acme"], "registration": "needed"],
            ["resources": 3, "bytes": 400],
            ["kind": "line", "value": "milan", "since": 5, "reason": "a bug", "by": "ann"],
            [
                "kind": "measurement", "value": .string(String(repeating: "cd", count: 48)), "since": 5, "reason": "",
                "by": "",
            ],
            [
                "kind": "instance", "value": .string(String(repeating: "01", count: 16)), "since": 5, "reason": "",
                "by": "",
            ],
            [
                ["version": 1, "created": 5, "size": 12, "expires": 2_000_000_000],
                ["version": 2, "created": 5, "size": 3],
            ],
            ["epoch": 1, "manifest": .string(digest), "logKey": "", "logManifest": "", "time": 5],
            [
                "kind": "aes-256-gcm", "created": 5, "overlap": 60, "operations": ["encrypt", "decrypt"],
                "exportable": false, "reserved": false,
                "versions": [version, ["version": 2, "state": "pre-active", "created": 6]],
            ],
            [
                "suffixes": ["acme.example"], "requested": 2,
                "generations": [["version": 1, "certificate": pem, "root": pem, "rootKey": "ab"]],
            ],
            [
                "version": 1, "notAfter": 2_000_000_000, "manifest": .string(digest), "instance": "", "names": ["a.b"],
                "revoked": 5, "reason": "superseded",
            ],
            ["number": 1, "made": 5, "der": "AAAA"],
            ["acme/key/one", "n/k", "kbs+kms:///n/k", "2027-01-31T00:00:00Z", "1800000000", "+33658-09-27T01:46:40Z"],
        ]
        return all.map(\.canonicalBytes)
    }
}

/// Configurations, and calls that their rules judge: the member `call` beside the configuration's own.
enum ConfigurationFormat: FormatFamily {
    static let shape = Shape.json
    static let sources = [
        "Administration/AdministratorSettings", "Administration/AdministratorCall", "Tokens/ForeignIssuer",
        "Appraisal/PinnedReferenceKey",
    ].map { "Sources/Tenant/KeyBroker/\($0).swift" }

    static func run(_ bytes: [UInt8]) throws {
        guard var members = try JSONValue.parse(bytes).objectValue else { return }
        let call = members.removeValue(forKey: "call")
        var failure: (any Error)?
        do {
            _ = try BrokerConfiguration(parsing: JSONValue.object(members).canonicalBytes, folder: "/f")
        } catch {
            failure = error
        }
        do { try foreign(members) } catch { failure = error }
        do { try rules(members, call) } catch { failure = error }
        if let failure { throw failure }
    }

    private static func foreign(_ members: [String: JSONValue]) throws {
        var fields = try JSONFields(.object(members), path: "")
        for issuer in try ForeignIssuer.list(&fields, { "/\($0)" }) {
            require((60...31_536_000).contains(issuer.longestLife), "a token lives for ever")
            require(!issuer.issuer.isEmpty, "an issuer without a name")
        }
        _ = try PinnedReferenceKey.list(&fields, { "/\($0)" })
    }

    private static func rules(_ members: [String: JSONValue], _ call: JSONValue?) throws {
        var request = BrokerRequest(
            method: call?["method"]?.stringValue ?? "GET",
            path: call?["path"]?.stringValue.map {
                $0.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
            } ?? [])
        for (name, value) in call?["query"]?.objectValue ?? [:] { request.query[name] = value.stringValue }
        for segment in request.path {
            guard let canonical = AdministratorCall.canonical(segment) else { continue }
            require(AdministratorCall.canonical(canonical) == canonical, "a segment has two forms")
            require(!canonical.contains("/") && !canonical.isEmpty && canonical != "..", "a segment is a path")
        }
        var fields = try JSONFields(.object(members), path: "")
        let settings = try AdministratorSettings(&fields) { "/\($0)" }
        require(settings.rules.allSatisfy { $0.role != AdministratorSettings.tenantRole }, "a rule gives tenants' role")
        let asked = try AdministratorCall(request)
        let role = call?["role"]?.stringValue ?? "writer"
        guard settings.allows(role, asked) else { return }
        require(asked.target.hasPrefix("/kbs"), "a rule allows what is not the protocol's")
        require(settings.rules.contains { $0.role == role }, "a rule of another role allows")
    }

    static func seeds(_ vectors: URL) -> [[UInt8]] {
        let administrators: JSONValue = [
            "identityProviders": [
                ["issuer": "https://idp", "audience": "testudo", "keys": ["idp.pem"]],
                ["jwks": "keys.json", "longestMinutes": 10],
            ],
            "acls": [
                [
                    "role": "writer", "methods": ["POST", "GET"],
                    "endpoints": [
                        "^/kbs/v0/resource/acme/[^/]*/.*$", "^/kbs/v0/a(\\?last=[0-9]+)?$|^/kbs/v0/(b|c){1,3}\\x2f$",
                        "^/kbs/[[:alpha:]|)(]+(?i)x\\pL$",
                    ],
                ],
                ["role": "admin", "endpoints": ["^/kbs.*$"]],
            ],
        ]
        let whole: [String: JSONValue] = [
            "listen": "127.0.0.1:8480", "database": "store",
            "rootKey": ["kind": "tpm", "file": "root.tpm", "tcti": "swtpm"],
            "tls": ["cert": "a", "key": "b"], "adminKeys": ["admin.pub"],
            "ca": ["dir": "ca", "listAddress": "https://b/crl"],
            "auditLog": "audit", "administrators": administrators, "tokenMinutes": 5, "protocolVersions": ["0.1.0"],
            "rateLimits": ["auth": ["perSecond": 1, "burst": 2], "addresses": 65_536], "softRoots": [],
            "rollbackCounter": ["kind": "file", "file": "counter", "timeoutSeconds": 3],
            "formerRootKeys": ["old", ["kind": "pkcs11", "module": "/m", "token": "t", "pinFile": "p", "key": "k"]],
            "foreignTokens": [
                ["issuer": "maa", "jwks": "maa.json", "teeKeyPaths": ["/a/~0b~1/0", ""], "longestMinutes": 60],
                ["issuer": "as", "certificates": "roots.pem", "audience": "us"],
            ],
            "referenceKeys": ["release.pub", ["key": "other.pub", "names": ["a*"]]],
            "adminListen": "[::1]:8481", "adminClientCA": "ca.pem", "tokenAlgorithm": "ES384", "drainSeconds": 3,
        ]
        var etcd = whole
        etcd["database"] = nil
        etcd["etcd"] = ["endpoints": ["https://a:2379"], "ca": "ca.pem", "cert": "c", "key": "k", "prefix": "t"]
        let calls: [JSONValue] = [
            ["method": "GET", "path": "/kbs/v0/a", "query": ["last": "5", "ü/&": "x y"]],
            ["method": "POST", "path": "/kbs/v0/resource/acme/key/%C3%A9~", "role": "writer"],
            ["method": "DELETE", "path": "/kbs/../%2e%2F//x", "role": "admin"],
        ]
        return calls.map { JSONValue.object(whole.merging(["call": $0]) { $1 }).canonicalBytes }
            + [JSONValue.object(etcd).canonicalBytes, JSONValue.object(whole).canonicalBytes]
            + calls.map { JSONValue.object(["administrators": administrators, "call": $0]).canonicalBytes }
    }
}
