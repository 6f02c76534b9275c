import Crypto
import Envelope
import Foundation
import KeyManagement
import SwiftASN1
import Testing
import Unsealing
import WireFormat
import X509

@testable import KeyBroker

@Suite("Key management through the broker")
struct KeyManagementEndpointTests {
    private func json(_ response: BrokerResponse) throws -> JSONValue { try JSONValue.parse(response.body) }

    private func create(_ bench: BrokerBench, _ name: String, _ body: JSONValue) async throws {
        let response = try await bench.administer("PUT", "testudo/kms/default/\(name)", body.canonicalBytes)
        #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
    }

    private func use(
        _ bench: BrokerBench, _ call: String, _ body: JSONValue, _ token: String
    ) async -> BrokerResponse {
        await bench.send("POST", "kbs/v0/kms/default/\(call)", body: body.canonicalBytes, bearer: token)
    }

    private func opened(_ response: BrokerResponse, _ guest: FakeGuest) throws -> JSONValue {
        try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        return try JSONValue.parse(try JWE.open(try json(response), with: guest.key).copyBytes())
    }

    private func text(_ bytes: [UInt8]) -> JSONValue { .string(Base64.encode(bytes)) }

    @Test func `a guest uses the keys that its manifest is registered for, and reads answers only with its own key`()
        async throws
    {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        for (name, kind) in [
            ("disk", "aes-256-gcm"), ("sealing", "aes-256-kw"), ("signing", "ecdsa-p256"), ("codes", "hmac-sha-256"),
            ("seeds", "hkdf-sha-256"), ("other", "aes-256-gcm"),
        ] {
            try await create(bench, name, ["kind": .string(kind), "overlap": 60])
        }
        try await bench.prepare(
            guest,
            changes: [
                "keys": [
                    "kms:disk:encrypt", "kms:disk:decrypt", "kms:sealing:unwrap", "kms:signing:sign", "kms:codes:mac",
                    "kms:codes:verify-mac", "kms:seeds:derive",
                ]
            ])
        let (_, token) = try await bench.attest(guest)
        let sealed = try opened(
            await use(bench, "disk/encrypt", ["plaintext": text([1, 2]), "associated": text([9])], token), guest)
        let body: JSONValue = ["ciphertext": sealed["ciphertext"] ?? .null, "associated": text([9])]
        let reply = await use(bench, "disk/decrypt", body, token)
        #expect(try opened(reply, guest)["plaintext"] == text([1, 2]))
        // A thief of the token gets the answer, and cannot read it.
        #expect(!String(decoding: reply.body, as: UTF8.self).contains(Base64.encode([1, 2])))
        #expect(throws: (any Error).self) { try JWE.open(try json(reply), with: FakeGuest().key) }
        let wrapped = try await bench.administer(
            "POST", "testudo/kms/default/sealing/wrap",
            JSONValue.object(["plaintext": text(.init(repeating: 7, count: 32))]).canonicalBytes)
        let key = try opened(
            await use(bench, "sealing/unwrap", ["ciphertext": try json(wrapped)["ciphertext"] ?? .null], token), guest)
        #expect(key["plaintext"] == text(.init(repeating: 7, count: 32)))
        let signed = try opened(await use(bench, "signing/sign", ["message": text([5])], token), guest)
        let checked = try await bench.administer(
            "POST", "testudo/kms/default/signing/verify",
            JSONValue.object([
                "message": text([5]), "signature": signed["signature"] ?? .null, "version": signed["version"] ?? .null,
            ]).canonicalBytes)
        #expect(try json(checked) == ["valid": true])
        let derived = try opened(
            await use(bench, "seeds/derive", ["context": text([1]), "bytes": 32], token), guest)
        #expect(derived["key"]?.stringValue?.utf8.count == 44)
        // What it is not registered for, what is not there, and what the call does not say rightly.
        let plaintext: JSONValue = ["plaintext": text(.init(repeating: 7, count: 32))]
        let proof: JSONValue = ["message": text([5]), "signature": signed["signature"] ?? .null, "version": 1]
        for (call, asked) in [
            ("disk/rewrap", body), ("sealing/wrap", plaintext), ("other/decrypt", body), ("missing/decrypt", body),
            ("signing/verify", proof),
        ] {
            try expectRefusal(await use(bench, call, asked, token), 403, "PolicyDeny")
        }
        try expectRefusal(await use(bench, "disk/reveal", body, token), 404, "InvalidRequestPath")
        for wrong: JSONValue in [
            .object([:]), "x", ["ciphertext": 7, "associated": text([9])], ["ciphertext": "!"],
            ["ciphertext": text([1]), "extra": 1], ["ciphertext": sealed["ciphertext"] ?? .null],
        ] {
            try expectRefusal(await use(bench, "disk/decrypt", wrong, token), 400, "SerdeError")
        }
        try expectRefusal(await use(bench, "disk/decrypt", body, ""), 401, "TokenNotFound")
        // Retired manifests use nothing.
        try await bench.administer("DELETE", "testudo/manifests/\(guest.digest)")
        try expectRefusal(await use(bench, "disk/decrypt", body, token), 403, "PolicyDeny")
        let lines = try await bench.audit().filter { $0["kind"] == "key" }
        #expect(lines.contains { $0["resource"] == "kms/default/disk/decrypt" && $0["decision"] == "allow" })
        #expect(lines.contains { $0["check"] == "key-not-registered" && $0["decision"] == "deny" })
        #expect(lines.contains { $0["check"] == "manifest-retired" })
    }

    @Test func `a policy whose prefix begins with kms opens keys, the one for all paths opens none`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await create(bench, "disk", ["kind": "aes-256-gcm"])
        try await bench.prepare(guest)
        let allow = Base64.encodeURL(Array("package policy\ndefault allow = true\n".utf8))
        let global = JSONValue.object(["policy": .string(allow)]).canonicalBytes
        #expect(try await bench.administer("POST", "resource-policy", global).status == 200)
        let plaintext: JSONValue = ["plaintext": text([1])]
        let (_, token) = try await bench.attest(guest)
        try expectRefusal(await use(bench, "disk/encrypt", plaintext, token), 403, "PolicyDeny")
        let source = """
            package policy
            import rego.v1
            default allow = false
            allow if {
                data.plugin == "kms"
                data["resource-path"] == ["kms", "default", "disk"]
                data.query.operation == "encrypt"
                input.submods.cpu0["ear.status"] == "affirming"
            }
            """
        let keyed: JSONValue = [
            "prefix": "kms/default", "policy": .string(Base64.encodeURL(Array(source.utf8))),
        ]
        let set = try await bench.administer("PUT", "testudo/resource-policies/keys", keyed.canonicalBytes)
        try #require(set.status == 200, "\(String(decoding: set.body, as: UTF8.self))")
        let sealed = try opened(await use(bench, "disk/encrypt", plaintext, token), guest)
        try expectRefusal(await use(bench, "disk/decrypt", sealed, token), 403, "PolicyDeny")
        // A guest in no good standing is not asked about.
        try await bench.administer("DELETE", "testudo/manifests/\(guest.digest)")
        try expectRefusal(await use(bench, "disk/encrypt", plaintext, token), 403, "PolicyDeny")
    }

    @Test func `administrators manage keys, and see no plaintext`() async throws {
        let bench = try await BrokerBench()
        try await create(bench, "disk", ["kind": "aes-256-gcm", "overlap": 60])
        func post(_ step: String, _ body: JSONValue = .object([:])) async throws -> BrokerResponse {
            try await bench.administer("POST", "testudo/kms/default/disk/\(step)", body.canonicalBytes)
        }
        let sealed = try json(try await post("encrypt", ["plaintext": text([1])]))
        try expectRefusal(try await post("decrypt", sealed), 403, "PolicyDeny")
        #expect(try json(try await post("rotate"))["primary"] == 2)
        let moved = try json(try await post("rewrap", sealed))
        #expect(moved["ciphertext"] != sealed["ciphertext"])
        #expect(try await post("deactivate", ["version": 1]).status == 200)
        let destroyed = try await bench.administer("DELETE", "testudo/kms/default/disk/1")
        #expect(try json(destroyed)["versions"]?[0]?["state"] == "destroyed")
        try expectRefusal(
            try await bench.administer("DELETE", "testudo/kms/default/disk/2"), 409, "ResourceExists")
        #expect(try await bench.administer("GET", "testudo/kms/default/disk").status == 200)
        #expect(try json(try await bench.administer("GET", "testudo/kms/default")).arrayValue?.count == 1)
        #expect(try json(try await bench.administer("GET", "testudo/kms/shop")).arrayValue?.count == 0)
        try expectRefusal(try await bench.administer("GET", "testudo/kms/default/none"), 404, "InvalidRequestPath")
        try expectRefusal(
            try await bench.administer(
                "PUT", "testudo/kms/default/bad", JSONValue.object(["kind": "aes-128"]).canonicalBytes), 400,
            "SerdeError")
        try expectRefusal(await bench.send("GET", "kbs/v0/testudo/kms/default"), 401, "AdminAuthAccess")
        let imported: JSONValue = ["kind": "aes-256-gcm", "material": ["raw": text(Array(0..<32))]]
        try await create(bench, "imported", imported)
        let audit = try await bench.audit().map(\.canonicalText).joined()
        #expect(!audit.contains(Base64.encode(Array(0..<32))))
    }

    @Test func `authorities that are certified at once, the first ones, have the same root`() async throws {
        let bench = try await BrokerBench()
        let answers: [BrokerResponse] = try await withThrowingTaskGroup(of: BrokerResponse.self) { group in
            for number in 0..<8 {
                let body = JSONValue.object(["suffixes": [.string("n\(number).localhost")]]).canonicalBytes
                var request = BrokerRequest(
                    method: "POST",
                    path: ["kbs", "v0", "testudo", "authority", "n\(number)", "tenant", "certify"])
                (request.body, request.authorization) = (body, "Bearer \(try bench.adminToken())")
                group.addTask { [request, broker = bench.broker] in await broker.respond(to: request) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.map(\.status) == [Int](repeating: 200, count: 8))
        #expect(Set(try answers.map { try json($0)["root"]?.stringValue }).count == 1)
    }

    @Test func `with an authority of its own a tenant's guests get leaves under it, and lose them with the manifest`()
        async throws
    {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let established = try await bench.administer(
            "POST", "testudo/authority/default/tenant/certify",
            JSONValue.object(["suffixes": ["default.localhost"]]).canonicalBytes)
        try #require(established.status == 200, "\(String(decoding: established.body, as: UTF8.self))")
        let shown = await bench.send("GET", "kbs/v0/testudo/authority/default/tenant")
        #expect(shown.body == established.body)
        let (_, token) = try await bench.attest(guest)
        let csr = try CertificateSigningRequest(
            version: .v1, subject: try DistinguishedName { CommonName("x") }, privateKey: .init(guest.tls),
            attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256)
        var coder = DER.Serializer()
        try coder.serialize(csr)
        let body = JSONValue.object(["csr": text(coder.serializedBytes)]).canonicalBytes
        let response = await bench.send("POST", "kbs/v0/testudo/certificate", body: body, bearer: token)
        try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        let chain = try PEMDocument.parseMultiple(
            pemString: try #require(try json(response)["certificate"]?.stringValue)
        ).map { try Certificate(pemDocument: $0) }
        let root = try Certificate(pemEncoded: try #require(try json(shown)["root"]?.stringValue))
        try #require(chain.count == 2)
        #expect(chain[1].publicKey.isValidSignature(chain[0].signature, for: chain[0]))
        #expect(root.publicKey.isValidSignature(chain[1].signature, for: chain[1]))
        let leaves = try json(try await bench.administer("GET", "testudo/leaves/default"))
        #expect(leaves[0]?["manifest"] == .string(guest.digest))
        let before = await bench.send("GET", "kbs/v0/testudo/crl/default/tenant/1")
        #expect(before.contentType == "application/pkix-crl")
        try await bench.administer("DELETE", "testudo/manifests/\(guest.digest)")
        let after = await bench.send("GET", "kbs/v0/testudo/crl/default/tenant/1")
        let serial = Array(chain[0].serialNumber.bytes)
        #expect(before.body.firstRange(of: serial) == nil)
        #expect(after.body.firstRange(of: serial) != nil)
        // Registered anew it may have one again; barred by its instance it may not.
        try await bench.prepare(guest)
        #expect(await bench.send("POST", "kbs/v0/testudo/certificate", body: body, bearer: token).status == 200)
        let revoked = try await bench.administer(
            "POST", "testudo/leaves/default",
            JSONValue.object(["instance": .string(guest.instance), "reason": "key-compromise"]).canonicalBytes)
        #expect(try json(revoked) == ["revoked": 1])
        try expectRefusal(
            await bench.send("POST", "kbs/v0/testudo/certificate", body: body, bearer: token), 403, "PolicyDeny")
        // A guest that the broker serves no more at all.
        let other = FakeGuest(instance: String(repeating: "02", count: 16), tls: guest.tls)
        let (_, second) = try await bench.attest(other)
        let issued = await bench.send("POST", "kbs/v0/testudo/certificate", body: body, bearer: second)
        try #require(issued.status == 200)
        let last = try Certificate(
            pemEncoded: try #require(
                try json(issued)["certificate"]?.stringValue?.split(separator: "-----END CERTIFICATE-----").first.map {
                    "\($0)-----END CERTIFICATE-----\n"
                }))
        let banned = try await bench.administer("PUT", "testudo/revocations/instance/\(other.instance)")
        #expect(banned.status == 200)
        let list = await bench.send("GET", "kbs/v0/testudo/crl/default/tenant/1")
        #expect(list.body.firstRange(of: Array(last.serialNumber.bytes)) != nil)
        // What strangers find.
        for path in [
            "crl/default/tenant/2", "crl/default/other/1", "crl/default/tenant/x", "authority/default/simulated",
        ] {
            try expectRefusal(await bench.send("GET", "kbs/v0/testudo/\(path)"), 404, "InvalidRequestPath")
        }
        for body: JSONValue in [
            .object([:]), ["serial": "a", "instance": "b"], ["manifest": ""], ["serial": "00", "reason": "x"],
        ] {
            try expectRefusal(
                try await bench.administer("POST", "testudo/leaves/default", body.canonicalBytes), 400,
                "SerdeError")
        }
    }
}

@Suite("Offline root")
struct OfflineRootTests {
    @Test func `a root in files signs a broker's request, is not replaced, and must be its owner's alone`() async throws
    {
        let bench = try await BrokerBench()
        let folder = bench.folder + "/root"
        try OfflineRoot.create(folder: folder, name: "Offline", years: 10)
        #expect(throws: BrokerError.self) { try OfflineRoot.create(folder: folder, name: "Offline", years: 10) }
        let asked = try await bench.administer(
            "POST", "testudo/authority/default/tenant/request",
            JSONValue.object(["suffixes": ["default.localhost"]]).canonicalBytes)
        let request = try #require(try JSONValue.parse(asked.body)["request"]?.stringValue)
        try Data(request.utf8).write(to: URL(fileURLWithPath: folder + "/request.pem"))
        // The broker's clock in this test runs ahead of the machine's; the longest life covers both.
        let pem = try OfflineRoot(folder: folder).sign(
            requestFile: folder + "/request.pem", suffixes: ["default.localhost"], days: 730)
        let root = try String(contentsOfFile: folder + "/root.pem", encoding: .utf8)
        let installed = try await bench.administer(
            "POST", "testudo/authority/default/tenant/install",
            JSONValue.object(["certificate": .string(pem), "root": .string(root)]).canonicalBytes)
        #expect(installed.status == 200, "\(String(decoding: installed.body, as: UTF8.self))")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/root.key")
        let refusal = #expect(throws: BrokerError.self) { try OfflineRoot(folder: folder) }
        #expect(refusal?.detail.contains("chmod 600") == true)
    }
}
