import Crypto
import Foundation
import SwiftASN1
import Testing
import WireFormat
import X509

@testable import KeyBroker

@Suite("Tenant certificate authority")
struct CertificateTests {
    private func request(_ key: P256.Signing.PrivateKey, names: [String] = []) throws -> [UInt8] {
        let subject = try DistinguishedName { CommonName("anything") }
        var attributes = CertificateSigningRequest.Attributes()
        if !names.isEmpty {
            let extensions = try Certificate.Extensions { SubjectAlternativeNames(names.map { .dnsName($0) }) }
            attributes = CertificateSigningRequest.Attributes([
                try .init(ExtensionRequest(extensions: extensions))
            ])
        }
        let made = try CertificateSigningRequest(
            version: .v1, subject: subject, privateKey: .init(key), attributes: attributes,
            signatureAlgorithm: .ecdsaWithSHA256)
        var serializer = DER.Serializer()
        try serializer.serialize(made)
        return serializer.serializedBytes
    }

    private func send(_ bench: BrokerBench, _ csr: [UInt8], _ token: String) async -> BrokerResponse {
        let body = JSONValue.object(["csr": .string(Base64.encode(csr))]).canonicalBytes
        return await bench.send("POST", "kbs/v0/testudo/certificate", body: body, bearer: token)
    }

    @Test(arguments: ["snp", "soft-snp"])
    func `a guest gets a leaf of at most an hour under the root of its kind`(technology: String) async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        guest.technology = technology
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        let response = await send(bench, try request(guest.tls), token)
        try #require(response.status == 200)
        let chain = try #require(try JSONValue.parse(response.body)["certificate"]?.stringValue)
        let certificates = try PEMDocument.parseMultiple(pemString: chain).map { try Certificate(pemDocument: $0) }
        let leaf = try #require(certificates.first)
        #expect(leaf.notValidAfter.timeIntervalSince(leaf.notValidBefore) <= 3600)
        #expect(leaf.publicKey == Certificate.PublicKey(guest.tls.publicKey))
        let names = try #require(try leaf.extensions.subjectAlternativeNames)
        #expect(Array(names) == [.dnsName("hello.default.localhost")])
        #expect(try leaf.extensions.extendedKeyUsage == ExtendedKeyUsage([.serverAuth]))
        let kinds = technology == "snp" ? ["tenant", "simulated"] : ["simulated", "tenant"]
        let own = try Certificate(
            pemEncoded: String(decoding: await bench.send("GET", "kbs/v0/testudo/ca/\(kinds[0])").body, as: UTF8.self))
        let other = try Certificate(
            pemEncoded: String(decoding: await bench.send("GET", "kbs/v0/testudo/ca/\(kinds[1])").body, as: UTF8.self))
        #expect(own.publicKey.isValidSignature(leaf.signature, for: leaf))
        #expect(!other.publicKey.isValidSignature(leaf.signature, for: leaf))
        #expect(certificates.last == own)
    }

    @Test func `a request with another key, another name or a broken signature gets none`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        let host = "hello.default.localhost"
        #expect(await send(bench, try request(guest.tls, names: [host]), token).status == 200)
        var broken = try request(guest.tls)
        broken[broken.count - 1] ^= 1
        for csr in [
            try request(P256.Signing.PrivateKey()), try request(guest.tls, names: ["evil.default.localhost"]),
            try request(guest.tls, names: [host, "*.localhost"]), broken,
        ] {
            let response = await send(bench, csr, token)
            #expect(response.status == 403 || response.status == 400)
        }
        let good = try request(guest.tls)
        for length in 0..<good.count { #expect(await send(bench, Array(good.prefix(length)), token).status == 400) }
        #expect(await send(bench, good, "").status == 401)
        try await bench.administer("DELETE", "testudo/manifests/\(guest.digest)")
        try expectRefusal(await send(bench, good, token), 403, "PolicyDeny")
        let checks = try await bench.audit().filter { $0["kind"] == "certificate" }.compactMap {
            $0["check"]?.stringValue
        }
        for check in ["certificate", "csr-key", "csr-names", "manifest-retired"] { #expect(checks.contains(check)) }
    }

    @Test func `a leaf ends with the registration`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest, changes: ["expires": .integer(bench.time.now + 600)])
        let (_, token) = try await bench.attest(guest)
        let response = await send(bench, try request(guest.tls), token)
        #expect(try JSONValue.parse(response.body)["notAfter"]?.integerValue == bench.time.now + 600)
    }
}
