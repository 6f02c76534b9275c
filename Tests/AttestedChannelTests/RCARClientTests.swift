import AttestedChannel
import Crypto
import Envelope
import Testing
import WireFormat

@Suite struct RCARClientTests {
    private let path = "kbs:///default/image-key/hello"

    private func expectResource(_ client: RCARClient) async throws {
        let secret = try await client.resource(path)
        #expect(secret.copyBytes() == FakeBroker.resource)
    }

    @Test func `one attestation serves all resources and the certificate`() async throws {
        try await withBroker { client, broker, server in
            for _ in 0..<3 { try await expectResource(client) }
            #expect(try await client.certificate([1]).notAfter == 1_700_003_600)
            #expect(await client.handshakeCount == 1)
            #expect(server.connections == 1)
            let attestation = try #require(broker.evidence.first)
            #expect(attestation["init-data"] == ["format": "toml", "body": "version = \"0.1.0\"\n"])
            #expect(attestation["tee-evidence"]?["additional_evidence"] == "{}")
            let primary = attestation["tee-evidence"]?["primary_evidence"]
            #expect(primary?["nonce"] == attestation["runtime-data"]?["nonce"])
            #expect(primary?["key"] == attestation["runtime-data"]?["tee-pubkey"])
        }
    }

    @Test func `callers at the same time share one handshake`() async throws {
        try await withBroker { client, broker, _ in
            try await withThrowingTaskGroup(of: [UInt8].self) { group in
                for _ in 0..<8 { group.addTask { try await client.resource(path).copyBytes() } }
                for try await bytes in group { #expect(bytes == FakeBroker.resource) }
            }
            #expect(broker.evidence.count == 1)
        }
    }

    @Test func `an ended token leads to one new attestation with another key`() async throws {
        try await withBroker(.init(endedTokens: 1)) { client, broker, _ in
            try await expectResource(client)
            let keys = broker.evidence.map { $0["runtime-data"]?["tee-pubkey"] }
            #expect(keys.count == 2)
            #expect(keys.first != keys.last)
        }
        try await withBroker(.init(endedTokens: 5)) { client, broker, _ in
            let failure = await #expect(throws: BrokerFailure.self) { try await client.resource(path) }
            #expect(failure?.kind == .denied)
            #expect(broker.evidence.count == 2)
        }
    }

    @Test func `a token near its end is renewed`() async throws {
        try await withBroker(.init(tokenSeconds: 1)) { client, _, _ in
            try await client.attest()
            try await Task.sleep(for: .milliseconds(700))
            try await expectResource(client)
            #expect(await client.handshakeCount == 2)
        }
    }

    @Test func `a denial is final and keeps its reason`() async throws {
        try await withBroker(.init(resourceRefusal: (403, "manifest not registered"))) { client, broker, server in
            let failure = await #expect(throws: BrokerFailure.self) { try await client.resource(path) }
            #expect(failure?.kind == .denied)
            #expect(failure?.reason.contains("manifest not registered") == true)
            #expect(broker.evidence.count == 1)
            #expect(server.requests.count == 3)
        }
        try await withBroker(.init(attestRefusal: (401, "wrong measurement"))) { client, _, server in
            let failure = await #expect(throws: BrokerFailure.self) { try await client.attest() }
            #expect(failure?.kind == .denied)
            #expect(failure?.reason.contains("wrong measurement") == true)
            #expect(server.requests.count == 2)
        }
    }

    @Test func `an outage is waited for, within bounds`() async throws {
        try await withBroker(.init(outages: 2)) { client, _, _ in
            try await expectResource(client)
        }
        try await withBroker(.init(outages: 100)) { client, _, server in
            let failure = await #expect(throws: BrokerFailure.self) { try await client.resource(path) }
            #expect(failure?.kind == .unreachable)
            #expect(server.requests.count == 3)
        }
    }

    @Test func `what is sealed to another key does not open`() async throws {
        let point = Array(P256.KeyAgreement.PrivateKey().publicKey.x963Representation)
        let foreign: JSONValue = [
            "kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW", "x": .string(Base64.encodeURL(Array(point[1..<33]))),
            "y": .string(Base64.encodeURL(Array(point[33...]))),
        ]
        try await withBroker(.init(foreignKey: foreign)) { client, _, _ in
            let failure = await #expect(throws: BrokerFailure.self) { try await client.resource(path) }
            #expect(failure?.kind == .badAnswer)
        }
    }

    @Test func `a machine without evidence says so and asks no further`() async throws {
        try await withBroker(evidence: FakeEvidence(isBroken: true)) { client, _, server in
            let failure = await #expect(throws: BrokerFailure.self) { try await client.attest() }
            #expect(failure?.kind == .noEvidence)
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [
        "/1/2", "a/b", "a/b/c/d", "a/.b/c", "a//c", "a/b/c?x", "a/b/../c", "kbs:///", "a/b/c d", "../b/c",
        "kbs+x:///a/b/c",
    ])
    func `paths outside the grammar are never sent`(path: String) async throws {
        try await withBroker { client, _, server in
            let failure = await #expect(throws: BrokerFailure.self) { try await client.resource(path) }
            #expect(failure?.kind == .notFound)
            #expect(server.requests.isEmpty)
        }
    }
}
